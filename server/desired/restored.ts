import type { Hello } from '../../shared/gen/cordon/v1/agent_service.js';
import {
  IsolationAction,
  IsolationDirective,
  IsolationMode,
  IsolationState,
  type ObservedIsolation,
} from '../../shared/gen/cordon/v1/isolation.js';
import { fromDuration, fromTimestamp, toDuration, toTimestamp } from '../../shared/time.js';
import { appendAudit } from '../store/audit.js';
import type { Tx } from '../store/store.js';
import { setDirective } from './orders.js';

/** Columns of a device that may be behind its agent. Changed in place to what is stored. */
export interface BehindDevice {
  readonly id: string;
  readonly settings_hash: string;
  generation: number;
  directive_proto: Uint8Array | null;
}

/**
 * A store that was restored from a backup may be behind what the agent has applied. Agents refuse a lower generation, so
 * the desired state takes the next number: whatever the operator orders from now on is newer. A manual isolation that the
 * store has lost is adopted, never ended by an older order: who was isolated stays isolated until somebody releases it.
 */
export async function outgrow(
  tx: Tx,
  device: BehindDevice,
  { knownGeneration, observed }: Hello,
  now: number,
): Promise<void> {
  // The number of a hostile agent may be as large as it likes; one that no store could have given is not taken.
  const behind =
    knownGeneration > BigInt(device.generation) && knownGeneration < BigInt(Number.MAX_SAFE_INTEGER);
  if (!behind) return;
  device.generation = Number(knownGeneration) + 1;
  const lost = observed && isLost(observed, device) ? observed : undefined;
  if (!lost) {
    await tx
      .updateTable('devices')
      .set({ generation: device.generation })
      .where('id', '=', device.id)
      .execute();
    return;
  }
  const directive = directiveOf(lost, now);
  device.directive_proto = IsolationDirective.encode(directive).finish();
  await setDirective(tx, device.id, device.generation, directive);
  await tx
    .insertInto('isolations')
    .values({
      id: directive.id,
      device_id: device.id,
      mode: lost.mode,
      requested_by: directive.requestedBy,
      reason: directive.reason,
      issued_at: lost.enforcedAt ? fromTimestamp(lost.enforcedAt) : now,
      end_cause: 0,
      released_by: '',
      release_reason: '',
      settings_hash: device.settings_hash,
      release_delay_ms: directive.releaseDelay ? fromDuration(directive.releaseDelay) : null,
    })
    .onConflict((conflict) => conflict.column('id').doNothing())
    .execute();
  await appendAudit(tx, {
    occurredAt: now,
    actor: 'server',
    action: 'isolation.adopted',
    deviceId: device.id,
    reason: 'the device enforces an order that this store does not have; it was restored from a backup',
    details: { isolation_id: directive.id, generation: device.generation },
  });
}

function isLost(observed: ObservedIsolation, device: BehindDevice): boolean {
  const known = device.directive_proto ? IsolationDirective.decode(device.directive_proto).id : '';
  const active =
    observed.state === IsolationState.ISOLATION_STATE_ISOLATED ||
    observed.state === IsolationState.ISOLATION_STATE_DEGRADED ||
    observed.state === IsolationState.ISOLATION_STATE_ENFORCING;
  return active && observed.mode === IsolationMode.ISOLATION_MODE_MANUAL && observed.isolationId !== known;
}

/** The order as the device has it; its end stays where it is. */
function directiveOf(observed: ObservedIsolation, now: number): IsolationDirective {
  const { enforcedAt, until } = observed;
  const delayMs = enforcedAt && until ? fromTimestamp(until) - fromTimestamp(enforcedAt) : 0;
  return {
    id: observed.isolationId,
    action: IsolationAction.ISOLATION_ACTION_ISOLATE,
    reason: observed.reason,
    requestedBy: observed.requestedBy,
    issuedAt: enforcedAt ?? toTimestamp(now),
    releaseDelay: toDuration(Math.max(0, delayMs)),
  };
}
