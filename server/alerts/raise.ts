import type { Insertable } from 'kysely';
import { DetectionFound } from '../../shared/gen/cordon/v1/agent_service.js';
import { AlertState } from '../../shared/gen/cordon/v1/alert.js';
import { appendAudit } from '../store/audit.js';
import type { AlertsTable } from '../store/schema.js';
import type { Reader, Tx } from '../store/group-commit.js';
import { keptDetection, titleOf } from './detection.js';
import { pruneAlerts } from './prune.js';

/** What a device said, and when. */
export interface Reported {
  /** The event's id. */
  readonly id: string;
  readonly deviceId: string;
  /** Device clock, milliseconds since 1970. */
  readonly occurredAt: number;
  /** Milliseconds since 1970. */
  readonly receivedAt: number;
  /** As the device said it. */
  readonly detection: DetectionFound;
}

/** What an answer holds of an alert beside detection and comments, bytes. */
const REST_BYTES = 512;

/** Makes an alert of a detection, with its audit record. The caller has made sure that the event is new. */
export async function raiseAlert(tx: Tx, reported: Reported): Promise<void> {
  const row = await alertRow(tx, reported);
  await tx.insertInto('alerts').values(row).execute();
  const { ruleId } = DetectionFound.decode(row.detection_proto);
  await appendAudit(tx, {
    occurredAt: reported.receivedAt,
    actor: `device:${reported.deviceId}`,
    action: 'alert.raised',
    deviceId: reported.deviceId,
    details: {
      alert_id: row.id,
      source: row.source,
      rule_id: ruleId,
      title: row.title,
      ...(row.task_id === '' ? {} : { task_id: row.task_id }),
      ...(row.isolation_id === '' ? {} : { isolation_id: row.isolation_id }),
    },
  });
  await pruneAlerts(tx, reported.deviceId, reported.receivedAt);
}

/** The row of a new alert, bounded, with the next number. A migration uses it: columns that come later are added elsewhere. */
export async function alertRow(db: Reader, reported: Reported): Promise<Insertable<AlertsTable>> {
  const { isolationId, ...kept } = keptDetection(reported.detection);
  const detection = DetectionFound.encode({ ...kept, isolationId: '' }).finish();
  const newest = await db
    .selectFrom('alerts')
    .select('number')
    .orderBy('number', 'desc')
    .limit(1)
    .executeTakeFirst();
  return {
    id: reported.id,
    number: Number(newest?.number ?? 0) + 1,
    device_id: reported.deviceId,
    source: kept.source,
    title: titleOf({ ...kept, isolationId }),
    task_id: kept.iocMatch?.taskId ?? '',
    isolation_id: (await isAnothers(db, isolationId, reported.deviceId)) ? '' : isolationId,
    occurred_at: reported.occurredAt,
    received_at: reported.receivedAt,
    state: AlertState.ALERT_STATE_OPEN,
    detection_proto: detection,
    comment_count: 0,
    bytes: detection.length + REST_BYTES,
    closed_by: '',
    closed_at: null,
  };
}

/** The isolation may not be on record yet; what is on record must be the device's own. */
async function isAnothers(db: Reader, isolationId: string, deviceId: string): Promise<boolean> {
  if (isolationId === '') return false;
  const known = await db
    .selectFrom('isolations')
    .select('device_id')
    .where('id', '=', isolationId)
    .executeTakeFirst();
  return known !== undefined && known.device_id !== deviceId;
}
