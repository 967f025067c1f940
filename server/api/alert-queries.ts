import { invalid } from '../../shared/errors.js';
import { AlertState } from '../../shared/gen/cordon/v1/alert.js';
import type {
  GetAlertRequest,
  GetAlertResponse,
  ListAlertsRequest,
  ListAlertsResponse,
} from '../../shared/gen/cordon/v1/alert_service.js';
import { Role } from '../../shared/gen/cordon/v1/operator_service.js';
import { alertMessage, findAlert, type AlertRow } from '../alerts/read.js';
import type { Reader } from '../store/store.js';
import { findDeviceId } from './device-lookup.js';
import { page, pageSize, pageStart, sizeThatFits } from './page.js';
import type { Query } from './rpc.js';
import { notFound } from './validate.js';

export function getAlert(db: Reader): Query<GetAlertRequest, GetAlertResponse> {
  return {
    kind: 'query',
    role: Role.ROLE_VIEWER,
    run: async (_caller, { id }) => ({ alert: await alertMessage(db, await loadAlert(db, id)) }),
  };
}

/** @throws CordonError INVALID_FIELD, NOT_FOUND */
export async function loadAlert(db: Reader, id: string): Promise<AlertRow> {
  if (id === '') throw invalid([{ field: 'id', description: 'must be the id of an alert' }]);
  const row = await findAlert(db, id);
  if (!row) throw notFound('alert', id);
  return row;
}

export function listAlerts(db: Reader): Query<ListAlertsRequest, ListAlertsResponse> {
  return {
    kind: 'query',
    role: Role.ROLE_VIEWER,
    run: async (_caller, request) => {
      const size = pageSize(request);
      // Only what pages are cut by: the alerts themselves are large.
      const read = await (
        await matching(db, request)
      )
        .orderBy('number', 'desc')
        .limit(size + 1)
        .execute();
      const fitting = sizeThatFits(read, size, ({ bytes }) => Number(bytes));
      const { rows, nextPageToken } = page('alerts', read, fitting, ({ number }) => number);
      const alerts = [];
      for (const { id } of rows) {
        const row = await findAlert(db, id);
        if (row) alerts.push(await alertMessage(db, row));
      }
      return { alerts, nextPageToken };
    },
  };
}

async function matching(db: Reader, request: ListAlertsRequest) {
  const before = pageStart('alerts', request);
  let query = db.selectFrom('alerts').select(['id', 'number', 'bytes']);
  if (before !== undefined) query = query.where('number', '<', numberOf(before));
  if (request.device !== '') query = query.where('device_id', '=', await findDeviceId(db, request.device));
  if (request.state !== AlertState.ALERT_STATE_UNSPECIFIED) {
    query = query.where('state', '=', knownState(request.state));
  }
  if (request.source !== '') query = query.where('source', '=', request.source);
  if (request.taskId !== '') query = query.where('task_id', '=', request.taskId);
  return query;
}

function knownState(state: AlertState): AlertState {
  if (state === AlertState.ALERT_STATE_OPEN || state === AlertState.ALERT_STATE_CLOSED) return state;
  throw invalid([{ field: 'state', description: 'must be open, closed, or not set for all' }]);
}

function numberOf(text: string): number {
  const number = Number(text);
  if (Number.isSafeInteger(number)) return number;
  throw invalid([{ field: 'page_token', description: 'must be the next_page_token of the answer before' }]);
}
