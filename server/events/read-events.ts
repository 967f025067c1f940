import { Alert } from '../../shared/gen/cordon/v1/alert.js';
import type { Event } from '../../shared/gen/cordon/v1/event_service.js';
import { toProtoJson } from '../../shared/proto-json.js';
import { toTimestamp } from '../../shared/time.js';
import { alertAsRaised, findAlert } from '../alerts/read.js';
import type { AuditRow } from '../store/audit.js';
import type { Reader } from '../store/store.js';
import { severityOf } from './severity.js';

/** Most of one look, bytes: matches of alerts are large. */
const MOST_BYTES = 2 * 1024 * 1024;

/**
 * Events after a place in the log, oldest first: up to `most` (1 to 1000), fewer where they are large. Empty: there are none.
 */
export async function readEvents(db: Reader, after: number, most: number): Promise<Event[]> {
  const rows = await db
    .selectFrom('audit')
    .selectAll()
    .where('sequence', '>', after)
    .orderBy('sequence')
    .limit(most)
    .execute();
  const names = await namesOf(db, rows);
  const events: Event[] = [];
  let bytes = 0;
  for (const row of rows) {
    const event = await eventMessage(db, row, names.get(row.device_id) ?? '');
    bytes += event.detailsJson.length;
    if (bytes > MOST_BYTES && events.length > 0) break;
    events.push(event);
  }
  return events;
}

async function eventMessage(db: Reader, row: AuditRow, deviceName: string): Promise<Event> {
  return {
    sequence: BigInt(row.sequence),
    occurredAt: toTimestamp(Number(row.occurred_at)),
    action: row.action,
    severity: severityOf(row.action),
    actor: row.actor,
    deviceId: row.device_id,
    deviceName,
    reason: row.reason,
    detailsJson: row.action === 'alert.raised' ? await alertJson(db, row) : row.details_json,
  };
}

/** The alert as it was raised: a reader that gets an event twice gets the same. */
async function alertJson(db: Reader, row: AuditRow): Promise<string> {
  const said = JSON.parse(row.details_json) as Readonly<Record<string, string | undefined>>;
  const alert = await findAlert(db, said['alert_id'] ?? '');
  const shown: Alert = {
    // Where the alert was dropped since, the log still knows this much.
    ...(alert
      ? alertAsRaised(alert)
      : Alert.fromPartial({
          id: said['alert_id'],
          deviceId: row.device_id,
          source: said['source'],
          ruleId: said['rule_id'],
          title: said['title'],
          receivedAt: toTimestamp(Number(row.occurred_at)),
        })),
    isolationId: said['isolation_id'] ?? '',
  };
  return JSON.stringify(toProtoJson('Alert', Alert, shown));
}

/** Names of the devices of records, as they are now. */
async function namesOf(db: Reader, rows: readonly AuditRow[]): Promise<ReadonlyMap<string, string>> {
  const ids = [...new Set(rows.map(({ device_id: id }) => id).filter((id) => id !== ''))];
  if (ids.length === 0) return new Map();
  const found = await db.selectFrom('devices').select(['id', 'name']).where('id', 'in', ids).execute();
  return new Map(found.map(({ id, name }) => [id, name]));
}
