import { status } from '@grpc/grpc-js';
import { characters } from '../../shared/characters.js';
import type { Clock } from '../../shared/clock.js';
import { CordonError, invalid } from '../../shared/errors.js';
import { AlertState } from '../../shared/gen/cordon/v1/alert.js';
import type {
  CloseAlertRequest,
  CloseAlertResponse,
  CommentAlertRequest,
  CommentAlertResponse,
  IsolateFromAlertRequest,
  IsolateFromAlertResponse,
} from '../../shared/gen/cordon/v1/alert_service.js';
import { ErrorReason } from '../../shared/gen/cordon/v1/error.js';
import { Role } from '../../shared/gen/cordon/v1/operator_service.js';
import { addComment, hasRoom, requireRoom } from '../alerts/comments.js';
import { alertMessage, type AlertRow } from '../alerts/read.js';
import { bounded } from '../desired/bounded.js';
import type { AuditFeed } from '../events/audit-feed.js';
import { appendAudit } from '../store/audit.js';
import type { Reader, Tx } from '../store/store.js';
import { getAlert, listAlerts, loadAlert } from './alert-queries.js';
import { orderDevices, releaseDelay, type OrderDeps } from './give-orders.js';
import type { Handlers } from './handlers.js';
import type { Caller, Mutation } from './rpc.js';
import { requireReason } from './validate.js';
import { watchAlerts } from './watch-alerts.js';

const LONGEST_COMMENT = 10_000;
/** How much of a comment its audit record repeats, UTF-16 units. */
const AUDITED_TEXT = 1000;

export interface AlertServiceDeps extends OrderDeps {
  readonly db: Reader;
  readonly clock: Clock;
  readonly feed: AuditFeed;
  /** The desired state of these devices has changed. */
  readonly changed: (deviceIds: readonly string[]) => void;
}

export function alertService(deps: AlertServiceDeps): Handlers {
  const { db, feed } = deps;
  return {
    getAlert: getAlert(db),
    listAlerts: listAlerts(db),
    watchAlerts: watchAlerts({ db, feed }),
    commentAlert: commentAlert(deps),
    closeAlert: closeAlert(deps),
    isolateFromAlert: isolateFromAlert(deps),
  };
}

function commentAlert({ clock }: AlertServiceDeps): Mutation<CommentAlertRequest, CommentAlertResponse> {
  return {
    kind: 'mutation',
    role: Role.ROLE_OPERATOR,
    run: async (tx, caller, { id, text, requestId }) => {
      if (text.trim() === '') throw tooShort();
      requireComment('text', text);
      const alert = await loadAlert(tx, id);
      requireRoom(alert, text);
      await addComment(tx, alert, { author: caller.operatorName, writtenAt: clock.wall(), text });
      await changed(tx, alert, {});
      await audit(tx, caller, clock, alert, {
        action: 'alert.comment',
        requestId,
        details: { text: bounded(text, AUDITED_TEXT) },
      });
      return { alert: await alertMessage(tx, await loadAlert(tx, id)) };
    },
  };
}

function closeAlert({ clock }: AlertServiceDeps): Mutation<CloseAlertRequest, CloseAlertResponse> {
  return {
    kind: 'mutation',
    role: Role.ROLE_OPERATOR,
    run: async (tx, caller, { id, comment, requestId }) => {
      requireComment('comment', comment);
      const text = comment.trim() === '' ? '' : comment;
      const alert = await loadAlert(tx, id);
      if ((alert.state as AlertState) === AlertState.ALERT_STATE_CLOSED) throw alreadyClosed(alert);
      const now = clock.wall();
      if (text !== '') {
        requireRoom(alert, text);
        await addComment(tx, alert, { author: caller.operatorName, writtenAt: now, text });
      }
      await changed(tx, alert, {
        state: AlertState.ALERT_STATE_CLOSED,
        closed_by: caller.operatorName,
        closed_at: now,
      });
      await audit(tx, caller, clock, alert, {
        action: 'alert.close',
        requestId,
        details: text === '' ? {} : { text: bounded(text, AUDITED_TEXT) },
      });
      return { alert: await alertMessage(tx, await loadAlert(tx, id)) };
    },
  };
}

/** The order goes the way of IsolateDevices; alert, isolation and audit records are one transaction. */
function isolateFromAlert(
  deps: AlertServiceDeps,
): Mutation<IsolateFromAlertRequest, IsolateFromAlertResponse> {
  return {
    kind: 'mutation',
    role: Role.ROLE_OPERATOR,
    run: async (tx, caller, request) => {
      const { id, reason, requestId } = request;
      requireReason(reason);
      const releaseDelayMs = releaseDelay(request.releaseDelay);
      const alert = await loadAlert(tx, id);
      if (alert.device_name === null) throw deviceRemoved(alert);
      const target = { devices: [alert.device_id], filter: undefined, expectedDevices: 0 };
      const wanted = { ...target, reason, requestId, validateOnly: false };
      const [order] = await orderDevices(deps, tx, caller, wanted, 'isolate', releaseDelayMs);
      if (!order) throw new Error('an order for one device is none (this is a bug)');

      const text = `isolated this computer: ${reason}`;
      // A full alert must not keep anybody from isolating; the audit log has it anyway.
      if (hasRoom(alert, text)) {
        await addComment(tx, alert, { author: caller.operatorName, writtenAt: deps.clock.wall(), text });
      }
      await changed(tx, alert, alert.isolation_id === '' ? { isolation_id: order.directiveId } : {});
      await audit(tx, caller, deps.clock, alert, {
        action: 'alert.isolate',
        requestId,
        reason,
        details: { isolation_id: order.directiveId },
      });
      return { order };
    },
    committed: (_request, { order }) => {
      if (order) deps.changed([order.deviceId]);
    },
  };
}

/** Every change makes a new etag. */
async function changed(
  tx: Tx,
  alert: AlertRow,
  change: Partial<Pick<AlertRow, 'state' | 'closed_by' | 'closed_at' | 'isolation_id'>>,
): Promise<void> {
  await tx
    .updateTable('alerts')
    .set((row) => ({ ...change, version: row('version', '+', 1) }))
    .where('id', '=', alert.id)
    .execute();
}

/** Watchers of alerts follow these records (watch-alerts.ts). */
async function audit(
  tx: Tx,
  caller: Caller,
  clock: Clock,
  alert: AlertRow,
  record: {
    readonly action: 'alert.comment' | 'alert.close' | 'alert.isolate';
    readonly requestId: string;
    readonly reason?: string;
    readonly details: Readonly<Record<string, string>>;
  },
): Promise<void> {
  const { details, ...rest } = record;
  await appendAudit(tx, {
    ...rest,
    occurredAt: clock.wall(),
    actor: caller.operatorName,
    deviceId: alert.device_id,
    details: { alert_id: alert.id, title: alert.title, ...details },
  });
}

function requireComment(field: string, text: string): void {
  const count = characters(text);
  if (count <= LONGEST_COMMENT) return;
  const description = `must have at most ${LONGEST_COMMENT} characters; it has ${count}`;
  throw invalid([{ field, description }]);
}

function tooShort(): CordonError {
  return invalid([{ field: 'text', description: `must have 1 to ${LONGEST_COMMENT} characters` }]);
}

function alreadyClosed({ id, closed_by: by }: AlertRow): CordonError {
  return new CordonError(
    status.FAILED_PRECONDITION,
    ErrorReason.ERROR_REASON_INVALID_FIELD,
    `alert ${id} was closed already, by ${by}`,
  );
}

function deviceRemoved({ device_id: id }: AlertRow): CordonError {
  return new CordonError(
    status.NOT_FOUND,
    ErrorReason.ERROR_REASON_DEVICE_NOT_FOUND,
    `the device of this alert, ${id}, was removed: there is nothing to isolate`,
  );
}
