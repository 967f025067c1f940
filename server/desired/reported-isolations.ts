import {
  IsolationAction,
  IsolationDirective,
  IsolationEndCause,
  IsolationEvidence,
  IsolationMode,
  IsolationState,
  Verification,
  type ObservedIsolation,
} from '../../shared/gen/cordon/v1/isolation.js';
import { fromTimestamp } from '../../shared/time.js';
import { appendAudit } from '../store/audit.js';
import type { Tx } from '../store/store.js';
import { endDetails, endedBy, endReason } from './device-ends.js';

function isEnforced(observed: ObservedIsolation): boolean {
  return (
    observed.state === IsolationState.ISOLATION_STATE_ISOLATED ||
    observed.state === IsolationState.ISOLATION_STATE_DEGRADED
  );
}

/**
 * Keeps the record of one isolation in step with what a device says about it. The records of others are not touched.
 * @param tense `past` in an event, which may have been on its way for long
 */
export async function noteIsolation(
  tx: Tx,
  deviceId: string,
  observed: ObservedIsolation,
  now: number,
  tense: 'now' | 'past',
): Promise<void> {
  if (observed.isolationId === '') return;
  if (isEnforced(observed)) await noteEnforced(tx, deviceId, observed, now, tense);
  else if (observed.state === IsolationState.ISOLATION_STATE_RELEASED) {
    await noteEnd(tx, deviceId, observed, now);
  }
}

async function noteEnforced(
  tx: Tx,
  deviceId: string,
  observed: ObservedIsolation,
  now: number,
  tense: 'now' | 'past',
): Promise<void> {
  if (observed.mode === IsolationMode.ISOLATION_MODE_AUTOMATIC)
    await openAutomatic(tx, deviceId, observed, now);
  const { evidence, until } = observed;
  // What holds now has not ended, whatever an order that met this report on the way has made of it.
  const current = {
    ended_at: null,
    end_cause: IsolationEndCause.ISOLATION_END_CAUSE_UNSPECIFIED,
    until_at: until ? fromTimestamp(until) : null,
  };
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
      ...(tense === 'now' ? current : {}),
    }))
    .where('id', '=', observed.isolationId)
    .where('device_id', '=', deviceId)
    .execute();
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
  const opened = await tx
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
    .executeTakeFirst();
  if (Number(opened.numInsertedOrUpdatedRows ?? 0) === 0) return;
  await appendAudit(tx, {
    occurredAt: now,
    actor: `device:${deviceId}`,
    action: 'isolation.started',
    deviceId,
    reason: observed.reason,
    details: { isolation_id: observed.isolationId, detector: observed.requestedBy },
  });
}

/** How the end of an isolation is written down. */
interface End {
  readonly cause: IsolationEndCause;
  readonly releasedBy: string;
  readonly releaseReason: string;
}

async function noteEnd(tx: Tx, deviceId: string, observed: ObservedIsolation, now: number): Promise<void> {
  const open = await tx
    .selectFrom('isolations')
    .select(['released_by', 'release_reason'])
    .where('id', '=', observed.isolationId)
    .where('device_id', '=', deviceId)
    .where('ended_at', 'is', null)
    .executeTakeFirst();
  if (!open) return;
  const cause = observed.endCause || IsolationEndCause.ISOLATION_END_CAUSE_OPERATOR;
  const noted = { cause, releasedBy: open.released_by, releaseReason: open.release_reason };
  let end: End;
  if (cause !== IsolationEndCause.ISOLATION_END_CAUSE_OPERATOR) {
    end = { cause, releasedBy: endedBy(observed), releaseReason: '' };
    await auditEnd(tx, deviceId, observed, now);
  } else if (noted.releasedBy !== '') {
    end = noted;
  } else {
    // The release was ordered before the server had heard of this isolation: a detection started it meanwhile.
    const release = await currentDirective(tx, deviceId);
    end =
      release?.action === IsolationAction.ISOLATION_ACTION_RELEASE
        ? { cause, releasedBy: release.requestedBy, releaseReason: release.reason }
        : noted;
  }
  await tx
    .updateTable('isolations')
    .set({
      ended_at: observed.endedAt ? fromTimestamp(observed.endedAt) : now,
      end_cause: end.cause,
      released_by: end.releasedBy,
      release_reason: end.releaseReason,
    })
    .where('id', '=', observed.isolationId)
    .execute();
}

/** An end that no operator ordered. Where the directive follows it, the record of that says it all. */
async function auditEnd(tx: Tx, deviceId: string, observed: ObservedIsolation, now: number): Promise<void> {
  if (observed.endCause === IsolationEndCause.ISOLATION_END_CAUSE_REPLACED) return;
  const directive = await currentDirective(tx, deviceId);
  const follows =
    directive?.action === IsolationAction.ISOLATION_ACTION_ISOLATE && directive.id === observed.isolationId;
  if (follows) return;
  await appendAudit(tx, {
    occurredAt: now,
    actor: `device:${deviceId}`,
    action: 'isolation.ended',
    deviceId,
    reason: endReason(observed),
    details: endDetails(observed),
  });
}

async function currentDirective(tx: Tx, deviceId: string): Promise<IsolationDirective | undefined> {
  const row = await tx
    .selectFrom('devices')
    .select('directive_proto')
    .where('id', '=', deviceId)
    .executeTakeFirst();
  return row?.directive_proto ? IsolationDirective.decode(row.directive_proto) : undefined;
}

/** A device has one isolation at most: what it says of now ends the record of every other that it had or was to have. */
export async function endOthers(
  tx: Tx,
  deviceId: string,
  observed: ObservedIsolation,
  now: number,
): Promise<void> {
  const released = observed.state === IsolationState.ISOLATION_STATE_RELEASED;
  if (!released && !isEnforced(observed)) return;
  // Sent, lost on the way, and taken back: it never began, and the device has nothing to say about it.
  if (released) {
    await others(tx, deviceId, observed)
      .set({ ended_at: now, end_cause: IsolationEndCause.ISOLATION_END_CAUSE_OPERATOR })
      .where('released_by', '!=', '')
      .execute();
  }
  // Not an order that is still on its way: it has not been enforced, and is newer than what the device speaks of. A device
  // that knows of no isolation at all was installed anew, and is about to be isolated again.
  if (observed.isolationId === '') return;
  await others(tx, deviceId, observed)
    .set({
      ended_at: now,
      end_cause: IsolationEndCause.ISOLATION_END_CAUSE_REPLACED,
      // A release that a newer isolation overtook released nobody.
      released_by: '',
      release_reason: '',
    })
    .where((row) =>
      row.or([
        row('enforced_at', 'is not', null),
        row('mode', '=', IsolationMode.ISOLATION_MODE_AUTOMATIC),
        // Both by the server's clock: one that was in force in part only has no time of enforcement.
        row(
          'issued_at',
          '<',
          row
            .selectFrom('isolations as reported')
            .select('reported.issued_at')
            .where('reported.id', '=', observed.isolationId)
            .where('reported.mode', '=', IsolationMode.ISOLATION_MODE_MANUAL),
        ),
      ]),
    )
    .execute();
}

function others(tx: Tx, deviceId: string, { isolationId }: ObservedIsolation) {
  return tx
    .updateTable('isolations')
    .where('device_id', '=', deviceId)
    .where('id', '!=', isolationId)
    .where('ended_at', 'is', null);
}
