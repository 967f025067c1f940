import { ApplyStatus, type StateReport } from '../../shared/gen/cordon/v1/agent_service.js';
import {
  IsolationAction,
  IsolationDirective,
  IsolationEndCause,
  IsolationEvidence,
  IsolationMode,
  IsolationState,
  ObservedIsolation,
  Verification,
  isolationEndCauseToJSON,
} from '../../shared/gen/cordon/v1/isolation.js';
import { newId } from '../../shared/ids.js';
import { fromTimestamp, toTimestamp } from '../../shared/time.js';
import { appendAudit } from '../store/audit.js';
import type { Tx } from '../store/store.js';
import { setDirective } from './orders.js';

/** What a device may say of who ended an isolation. */
const LONGEST_NAME = 256;

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
  const { observed } = report;
  if (!observed) return false;
  const refused = report.status === ApplyStatus.APPLY_STATUS_REJECTED;
  // A device never reports more than it was sent; a larger number must not turn "pending" into "done".
  const reported = Math.min(Number(report.observedGeneration), Number(device.generation));
  const counts = answersNewest && !refused;
  const rejection = report.violations.map(({ field, description }) => `${field}: ${description}`).join('; ');
  await tx
    .updateTable('devices')
    .set((row) => ({
      observed_proto: ObservedIsolation.encode(observed).finish(),
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
  await noteIsolation(tx, device.id, observed, now);
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

function isEnforced(observed: ObservedIsolation): boolean {
  return (
    observed.state === IsolationState.ISOLATION_STATE_ISOLATED ||
    observed.state === IsolationState.ISOLATION_STATE_DEGRADED
  );
}

/**
 * Keeps the record of one isolation in step with what a device says about it, be it of now or, in an event that was on
 * its way for long, of the past. The records of others are not touched.
 */
export async function noteIsolation(
  tx: Tx,
  deviceId: string,
  observed: ObservedIsolation,
  now: number,
): Promise<void> {
  if (observed.isolationId === '') return;
  if (isEnforced(observed)) {
    if (observed.mode === IsolationMode.ISOLATION_MODE_AUTOMATIC)
      await openAutomatic(tx, deviceId, observed, now);
    const { evidence } = observed;
    await tx
      .updateTable('isolations')
      .set((row) => ({
        delivered_at: row.fn.coalesce('delivered_at', row.val(now)),
        // Enforced means all of it: a degraded device has not earned the timestamp.
        ...(observed.state === IsolationState.ISOLATION_STATE_ISOLATED
          ? { enforced_at: row.fn.coalesce('enforced_at', row.val(now)) }
          : {}),
        ...(evidence?.verification === Verification.VERIFICATION_VERIFIED
          ? { verified_at: row.fn.coalesce('verified_at', row.val(now)) }
          : {}),
        ...(evidence ? { evidence_proto: IsolationEvidence.encode(evidence).finish() } : {}),
      }))
      .where('id', '=', observed.isolationId)
      .where('device_id', '=', deviceId)
      .execute();
  } else if (observed.state === IsolationState.ISOLATION_STATE_RELEASED) {
    await tx
      .updateTable('isolations')
      .set({
        ended_at: observed.endedAt ? fromTimestamp(observed.endedAt) : now,
        end_cause: observed.endCause || IsolationEndCause.ISOLATION_END_CAUSE_OPERATOR,
        // Whoever released it at the device was there first, also where an operator's release was on its way.
        ...(observed.endedBy === '' ? {} : { released_by: observed.endedBy.slice(0, LONGEST_NAME) }),
      })
      .where('id', '=', observed.isolationId)
      .where('device_id', '=', deviceId)
      .where('ended_at', 'is', null)
      .execute();
  }
}

/** A device has one isolation at most: what it says of now ends the record of every other that it had or was to have. */
async function endOthers(tx: Tx, deviceId: string, observed: ObservedIsolation, now: number): Promise<void> {
  const released = observed.state === IsolationState.ISOLATION_STATE_RELEASED;
  if (!released && !isEnforced(observed)) return;
  const end = (cause: IsolationEndCause): ReturnType<typeof others> =>
    others(tx, deviceId, observed, now, cause);
  // Sent, lost on the way, and taken back: it never began, and the device has nothing to say about it.
  if (released) {
    await end(IsolationEndCause.ISOLATION_END_CAUSE_OPERATOR).where('released_by', '!=', '').execute();
  }
  // Not an order that is still on its way: that one has not been enforced. A device that knows of no isolation at all
  // was installed anew, and is about to be isolated again.
  if (observed.isolationId === '') return;
  await end(IsolationEndCause.ISOLATION_END_CAUSE_REPLACED).where('enforced_at', 'is not', null).execute();
}

function others(
  tx: Tx,
  deviceId: string,
  { isolationId }: ObservedIsolation,
  now: number,
  cause: IsolationEndCause,
) {
  return tx
    .updateTable('isolations')
    .set({ ended_at: now, end_cause: cause })
    .where('device_id', '=', deviceId)
    .where('id', '!=', isolationId)
    .where('ended_at', 'is', null);
}

/** An isolation that the device started by itself: the server hears of it here for the first time. */
async function openAutomatic(
  tx: Tx,
  deviceId: string,
  observed: ObservedIsolation,
  now: number,
): Promise<void> {
  const device = await tx
    .selectFrom('devices')
    .select('settings_hash')
    .where('id', '=', deviceId)
    .executeTakeFirst();
  await tx
    .insertInto('isolations')
    .values({
      id: observed.isolationId,
      device_id: deviceId,
      mode: observed.mode,
      requested_by: observed.requestedBy,
      reason: observed.reason,
      issued_at: observed.enforcedAt ? fromTimestamp(observed.enforcedAt) : now,
      delivered_at: now,
      end_cause: IsolationEndCause.ISOLATION_END_CAUSE_UNSPECIFIED,
      released_by: '',
      release_reason: '',
      settings_hash: device?.settings_hash ?? '',
    })
    .onConflict((conflict) => conflict.column('id').doNothing())
    .execute();
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
  const cause = isolationEndCauseToJSON(observed.endCause).replace('ISOLATION_END_CAUSE_', '').toLowerCase();
  const release: IsolationDirective = {
    id: newId(),
    action: IsolationAction.ISOLATION_ACTION_RELEASE,
    reason: `ended on the device: ${cause}`,
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
    details: { isolation_id: observed.isolationId, cause, generation },
  });
  return true;
}
