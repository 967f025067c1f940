import type { Kysely, RawBuilder } from 'kysely';
import { AgentEvent } from '../../../shared/gen/cordon/v1/agent_service.js';
import { wallTime } from '../../desired/bounded.js';
import { alertRow } from '../../alerts/raise.js';
import type { Reader } from '../group-commit.js';

/** Events looked through at a time. */
const PAGE = 500;

/**
 * Alerts, their comments, and how far a SIEM has got. What devices detected before becomes alerts, without audit records.
 * @param blob the type for bytes
 */
export async function alerts(db: Kysely<unknown>, blob: RawBuilder<unknown>): Promise<void> {
  await db.schema
    .createTable('alerts')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('number', 'bigint', (column) => column.notNull().unique())
    .addColumn('device_id', 'text', (column) => column.notNull())
    .addColumn('source', 'text', (column) => column.notNull())
    .addColumn('title', 'text', (column) => column.notNull())
    .addColumn('task_id', 'text', (column) => column.notNull())
    .addColumn('isolation_id', 'text', (column) => column.notNull())
    .addColumn('occurred_at', 'bigint', (column) => column.notNull())
    .addColumn('received_at', 'bigint', (column) => column.notNull())
    .addColumn('state', 'integer', (column) => column.notNull())
    .addColumn('detection_proto', blob, (column) => column.notNull())
    .addColumn('comment_count', 'integer', (column) => column.notNull())
    .addColumn('bytes', 'bigint', (column) => column.notNull())
    .addColumn('closed_by', 'text', (column) => column.notNull())
    .addColumn('closed_at', 'bigint')
    .addColumn('version', 'bigint', (column) => column.notNull().defaultTo(1))
    .execute();
  for (const column of ['device_id', 'state', 'source', 'task_id'] as const) {
    await db.schema.createIndex(`alerts_${column}`).on('alerts').columns([column, 'number']).execute();
  }
  await db.schema
    .createTable('alert_comments')
    .addColumn('alert_id', 'text', (column) => column.notNull())
    .addColumn('number', 'integer', (column) => column.notNull())
    .addColumn('author', 'text', (column) => column.notNull())
    .addColumn('written_at', 'bigint', (column) => column.notNull())
    .addColumn('text', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('alert_comments_key', ['alert_id', 'number'])
    .execute();
  await db.schema
    .createTable('event_cursors')
    .addColumn('target', 'text', (column) => column.primaryKey())
    .addColumn('sequence', 'bigint', (column) => column.notNull())
    .addColumn('updated_at', 'bigint', (column) => column.notNull())
    .execute();
  await fromEvents(db);
}

/** In the order in which the server heard of them, one at a time: there may be many. */
async function fromEvents(db: Reader): Promise<void> {
  for (const id of await detections(db)) {
    const row = await db.selectFrom('events').selectAll().where('id', '=', id).executeTakeFirstOrThrow();
    const { event, occurredAt } = AgentEvent.decode(row.event_proto);
    if (event?.$case !== 'detectionFound') continue;
    const alert = await alertRow(db, {
      id,
      deviceId: row.device_id,
      occurredAt: wallTime(occurredAt, Number(row.received_at)),
      receivedAt: Number(row.received_at),
      detection: event.value,
    });
    await db.insertInto('alerts').values(alert).execute();
  }
}

/** Ids of the events that are detections, the oldest first. */
async function detections(db: Reader): Promise<string[]> {
  const found: { readonly id: string; readonly at: number }[] = [];
  for (let after = ''; ;) {
    const page = await db
      .selectFrom('events')
      .selectAll()
      .where('id', '>', after)
      .orderBy('id')
      .limit(PAGE)
      .execute();
    for (const { id, received_at: at, event_proto: proto } of page) {
      if (AgentEvent.decode(proto).event?.$case === 'detectionFound') found.push({ id, at: Number(at) });
    }
    const last = page.at(-1);
    if (!last || page.length < PAGE) break;
    after = last.id;
  }
  return found.sort((one, other) => one.at - other.at).map(({ id }) => id);
}
