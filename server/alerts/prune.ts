import { AlertState } from '../../shared/gen/cordon/v1/alert.js';
import { appendAudit } from '../store/audit.js';
import { inChunks } from '../store/chunks.js';
import type { Tx } from '../store/group-commit.js';

/** Most alerts of one device. */
export const MOST_ALERTS = 10_000;
/** Dropped at once when there are more: one audit record for all of them. */
const DROPPED_AT_ONCE = 100;

/**
 * Keeps the alerts of one device within their bound. Closed ones go first, the oldest first; where a device raises more
 * than the bound and nobody closes any, its oldest open ones. An audit record counts what has gone.
 * @param most for tests; the default is the bound
 */
export async function pruneAlerts(
  tx: Tx,
  deviceId: string,
  now: number,
  most: { readonly alerts: number; readonly atOnce: number } = {
    alerts: MOST_ALERTS,
    atOnce: DROPPED_AT_ONCE,
  },
): Promise<void> {
  const { there } = await tx
    .selectFrom('alerts')
    .select((row) => row.fn.countAll<number>().as('there'))
    .where('device_id', '=', deviceId)
    .executeTakeFirstOrThrow();
  if (Number(there) <= most.alerts) return;
  const surplus = Number(there) - most.alerts + most.atOnce - 1;
  const going = await tx
    .selectFrom('alerts')
    .select(['id', 'state'])
    .where('device_id', '=', deviceId)
    .orderBy('state', 'desc')
    .orderBy('number')
    .limit(surplus)
    .execute();
  for (const chunk of inChunks(going)) {
    const ids = chunk.map(({ id }) => id);
    await tx.deleteFrom('alert_comments').where('alert_id', 'in', ids).execute();
    await tx.deleteFrom('alerts').where('id', 'in', ids).execute();
  }
  const open = going.filter(({ state }) => (state as AlertState) === AlertState.ALERT_STATE_OPEN).length;
  await appendAudit(tx, {
    occurredAt: now,
    actor: 'server',
    action: 'alert.dropped',
    deviceId,
    reason: `the device has more than ${most.alerts} alerts; the oldest were dropped, closed ones first`,
    details: { closed: going.length - open, open },
  });
}
