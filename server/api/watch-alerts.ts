import { AlertState } from '../../shared/gen/cordon/v1/alert.js';
import type { WatchAlertsRequest, WatchAlertsResponse } from '../../shared/gen/cordon/v1/alert_service.js';
import { Role } from '../../shared/gen/cordon/v1/operator_service.js';
import { alertMessage, findAlert } from '../alerts/read.js';
import type { AuditFeed } from '../events/audit-feed.js';
import type { Reader } from '../store/store.js';
import { findDevice } from './device-lookup.js';
import type { Watch } from './rpc.js';

/** Alerts, or changes of alerts, looked up at a time. */
const PAGE = 200;

/** Every change of an alert leaves one of these. */
const CHANGES = ['alert.raised', 'alert.comment', 'alert.close', 'alert.isolate'];

export interface WatchAlertsDeps {
  readonly db: Reader;
  readonly feed: AuditFeed;
}

/**
 * `WatchAlerts`: with `with_open` first the open ones, then changes. Changes are found in the audit log, so none is lost, and
 * each alert is read when it is the client's turn: a slow client costs one place in the log and sees the newest state.
 */
export function watchAlerts(deps: WatchAlertsDeps): Watch<WatchAlertsRequest, WatchAlertsResponse> {
  return {
    kind: 'watch',
    role: Role.ROLE_VIEWER,
    run: (_caller, request, signal) => follow(deps, request, signal),
  };
}

async function* follow(
  { db, feed }: WatchAlertsDeps,
  request: WatchAlertsRequest,
  signal: AbortSignal,
): AsyncGenerator<WatchAlertsResponse> {
  const deviceId = request.device === '' ? undefined : (await findDevice(db, request.device)).id;
  // Before the listing, so that no change falls between the two.
  let after = await feed.last();
  if (request.withOpen) yield* openAlerts(db, deviceId);
  while (!signal.aborted) {
    const { ids, last } = await changedAlerts(db, after, deviceId);
    yield* shown(db, ids);
    if (last === after) await feed.grown(after, signal);
    after = last;
  }
}

/** Oldest first. */
async function* openAlerts(db: Reader, deviceId: string | undefined): AsyncGenerator<WatchAlertsResponse> {
  for (let after = 0; ;) {
    let query = db
      .selectFrom('alerts')
      .select(['id', 'number'])
      .where('state', '=', AlertState.ALERT_STATE_OPEN)
      .where('number', '>', after);
    if (deviceId !== undefined) query = query.where('device_id', '=', deviceId);
    const rows = await query.orderBy('number').limit(PAGE).execute();
    yield* shown(
      db,
      rows.map(({ id }) => id),
    );
    const last = rows.at(-1);
    if (!last || rows.length < PAGE) return;
    after = Number(last.number);
  }
}

/** Alerts that changed after a place in the log, each once, and how far the log was read. */
async function changedAlerts(
  db: Reader,
  after: number,
  deviceId: string | undefined,
): Promise<{ readonly ids: readonly string[]; readonly last: number }> {
  const page = await db
    .selectFrom('audit')
    .select(['sequence', 'action', 'device_id', 'details_json'])
    .where('sequence', '>', after)
    .orderBy('sequence')
    .limit(PAGE)
    .execute();
  const ids = page
    .filter(({ action, device_id: id }) => CHANGES.includes(action) && (deviceId ?? id) === id)
    .map(({ details_json: json }) => (JSON.parse(json) as { alert_id: string }).alert_id);
  return { ids: [...new Set(ids)], last: Number(page.at(-1)?.sequence ?? after) };
}

/** One that was dropped meanwhile is not shown. */
async function* shown(db: Reader, ids: readonly string[]): AsyncGenerator<WatchAlertsResponse> {
  for (const id of ids) {
    const row = await findAlert(db, id);
    if (row) yield { alert: await alertMessage(db, row) };
  }
}
