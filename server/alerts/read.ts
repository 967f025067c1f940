import type { Selectable } from 'kysely';
import { DetectionFound } from '../../shared/gen/cordon/v1/agent_service.js';
import { Alert } from '../../shared/gen/cordon/v1/alert.js';
import { toTimestamp } from '../../shared/time.js';
import type { AlertsTable } from '../store/schema.js';
import type { Reader } from '../store/store.js';

/** With name and isolation of the device as they are now; null after its removal. */
export type AlertRow = Selectable<AlertsTable> & {
  readonly device_name: string | null;
  readonly device_isolation: number | null;
};

/** One alert; undefined: there is none, or it was dropped. */
export async function findAlert(db: Reader, id: string): Promise<AlertRow | undefined> {
  return db
    .selectFrom('alerts')
    .leftJoin('devices', 'devices.id', 'alerts.device_id')
    .selectAll('alerts')
    .select(['devices.name as device_name', 'devices.observed_state as device_isolation'])
    .where('alerts.id', '=', id)
    .executeTakeFirst();
}

/** The contract's view of an alert, with its comments. */
export async function alertMessage(db: Reader, row: AlertRow): Promise<Alert> {
  const comments = await db
    .selectFrom('alert_comments')
    .selectAll()
    .where('alert_id', '=', row.id)
    .orderBy('number')
    .execute();
  return {
    ...alertAsRaised(row),
    state: row.state,
    isolationId: row.isolation_id,
    comments: comments.map(({ author, written_at: at, text }) => ({
      author,
      writtenAt: toTimestamp(Number(at)),
      text,
    })),
    etag: String(row.version),
    deviceIsolation: row.device_isolation ?? 0,
    closedBy: row.closed_by,
    closedAt: row.closed_at === null ? undefined : toTimestamp(Number(row.closed_at)),
  };
}

/** What an alert says of its detection: nothing that changes later. */
export function alertAsRaised(row: AlertRow): Alert {
  const { source, ruleId, detailsJson, iocMatch, responses } = DetectionFound.decode(row.detection_proto);
  return Alert.fromPartial({
    id: row.id,
    deviceId: row.device_id,
    deviceName: row.device_name ?? '',
    source,
    ruleId,
    detailsJson,
    iocMatch,
    responses,
    title: row.title,
    occurredAt: toTimestamp(Number(row.occurred_at)),
    receivedAt: toTimestamp(Number(row.received_at)),
  });
}
