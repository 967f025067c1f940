import { ApplyStatus, type StateReport } from '../../shared/gen/cordon/v1/agent_service.js';
import {
  IsolationAction,
  IsolationDirective,
  IsolationState,
  ObservedIsolation,
} from '../../shared/gen/cordon/v1/isolation.js';
import { newId } from '../../shared/ids.js';
import { toTimestamp } from '../../shared/time.js';
import { appendAudit } from '../store/audit.js';
import type { Tx } from '../store/store.js';
import { boundedObserved } from './bounded.js';
import { endDetails, endReason } from './device-ends.js';
import { setDirective } from './orders.js';
import { endOthers, noteIsolation } from './reported-isolations.js';

/** Columns that a report is weighed against. */
export interface ReportedDevice {
  readonly id: string;
  readonly generation: number;
  readonly observed_generation: number;
  readonly directive_proto: Uint8Array | null;
}

/** Longest text of a refusal that is kept. */
const LONGEST_REJECTION = 2000;

/**
 * Stores what a device says it enforces. Returns true if the desired state had to follow: the device ended by itself
 * what the operator had asked for.
 * @param answersNewest the report carries the nonce that is outstanding on this stream
 */
export async function storeReport(
  tx: Tx,
  device: ReportedDevice,
  report: StateReport,
  answersNewest: boolean,
  now: number,
): Promise<boolean> {
  if (!report.observed) return false;
  const observed = boundedObserved(report.observed);
  const refused = report.status === ApplyStatus.APPLY_STATUS_REJECTED;
  // A device never reports more than it was sent; a larger number must not turn "pending" into "done".
  const reported = Math.min(Number(report.observedGeneration), Number(device.generation));
  const counts = answersNewest && !refused;
  const rejection = report.violations.map(({ field, description }) => `${field}: ${description}`).join('; ');
  await tx
    .updateTable('devices')
    .set((row) => ({
      observed_proto: ObservedIsolation.encode(observed).finish(),
      observed_state: observed.state,
      observed_generation: counts
        ? Math.max(reported, Number(device.observed_generation))
        : Number(device.observed_generation),
      last_seen_at: now,
      version: row('version', '+', 1),
      ...(answersNewest
        ? { rejection: refused ? (rejection || 'refused').slice(0, LONGEST_REJECTION) : '' }
        : {}),
    }))
    .where('id', '=', device.id)
    .execute();
  await noteIsolation(tx, device.id, observed, now, 'now');
  await endOthers(tx, device.id, observed, now);
  return followLocalEnd(tx, device, observed, now);
}

/** Stores what a device says in Hello: the same facts, without an answer to anything. */
export function storeObserved(
  tx: Tx,
  device: ReportedDevice,
  observed: ObservedIsolation,
  now: number,
): Promise<boolean> {
  return storeReport(
    tx,
    device,
    {
      nonce: 0n,
      observedGeneration: 0n,
      appliedHash: Buffer.alloc(0),
      status: ApplyStatus.APPLY_STATUS_UNSPECIFIED,
      observed,
      violations: [],
    },
    false,
    now,
  );
}

/**
 * The device ended the isolation that the operator's directive still asks for (deadline, local command, ...). The
 * directive follows, so that desired and observed state say the same and a re-installed agent does not isolate again.
 */
async function followLocalEnd(
  tx: Tx,
  device: ReportedDevice,
  observed: ObservedIsolation,
  now: number,
): Promise<boolean> {
  if (observed.state !== IsolationState.ISOLATION_STATE_RELEASED || !device.directive_proto) return false;
  const directive = IsolationDirective.decode(device.directive_proto);
  const ended =
    directive.action === IsolationAction.ISOLATION_ACTION_ISOLATE && directive.id === observed.isolationId;
  if (!ended) return false;
  const release: IsolationDirective = {
    id: newId(),
    action: IsolationAction.ISOLATION_ACTION_RELEASE,
    reason: endReason(observed),
    requestedBy: `device:${device.id}`,
    issuedAt: toTimestamp(now),
    releaseDelay: undefined,
  };
  const generation = Number(device.generation) + 1;
  await setDirective(tx, device.id, generation, release);
  await appendAudit(tx, {
    occurredAt: now,
    actor: release.requestedBy,
    action: 'isolation.ended',
    deviceId: device.id,
    reason: release.reason,
    details: { ...endDetails(observed), generation },
  });
  return true;
}
