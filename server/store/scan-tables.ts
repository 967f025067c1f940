import { sql, type Generated, type Kysely } from 'kysely';
import { HostFacts } from '../../shared/gen/cordon/v1/device.js';

/** Name of the type for bytes: the one thing in the schema that the two databases spell differently. */
export type BlobType = 'blob' | 'bytea';

/** Tables of IOC documents and scans, as the queries see them. */
export interface ScanTables {
  ioc_documents: IocDocumentsTable;
  ioc_scan_tasks: IocScanTasksTable;
  ioc_scan_specs: IocScanSpecsTable;
  ioc_scan_plans: IocScanPlansTable;
}

/** Indicator documents. Never changed: another content is another document. */
export interface IocDocumentsTable {
  /** SHA-256 of the content, hex. */
  hash: string;
  /** Id that sorts by the time of the upload. */
  upload_id: string;
  /** Id that the content gives itself. */
  document_id: string;
  size_bytes: number;
  /** IocDocument without its problems. */
  document_proto: Uint8Array;
  /** IocDocument with its problems alone: they can be many. */
  problems_proto: Uint8Array;
  content: Uint8Array;
}

export interface IocScanTasksTable {
  id: string;
  /** Unique. */
  name: string;
  /** `device`, `group` or `filter`. */
  scope_kind: string;
  /** Id of the device or group; of a filter: of its group. '' is the root group, or any. */
  scope_id: string;
  /** IocScanTask without what other columns hold and what the server sets in answers. */
  task_proto: Uint8Array;
  /** When its times were set: no start of before that is made up for. */
  scheduled_at: number;
  changed_at: number;
  /** The planner has not yet gone through all of its devices since it was changed. */
  to_plan: number;
  version: Generated<number>;
}

/** What the runs of one version of a task do, kept once for all devices. */
export interface IocScanSpecsTable {
  task_id: string;
  version: number;
  /** CommandSpec. */
  spec_proto: Uint8Array;
}

/** How far the starts of a scheduled task are planned on one device. */
export interface IocScanPlansTable {
  task_id: string;
  device_id: string;
  /** Version of the task that was planned. */
  version: number;
  /** Time zone of the device that was planned with. */
  time_zone: string;
  /** Everything up to this start is planned, done or given up: it is never planned a second time. */
  planned_to: number;
  /** When the next start has to be planned; null: there is none. */
  look_at: number | null;
}

/** IOC documents, scan tasks, their plans, and what commands need for them. */
export async function scans(db: Kysely<unknown>, blobType: BlobType): Promise<void> {
  const blob = sql.raw(blobType);
  await db.schema
    .createTable('ioc_documents')
    .addColumn('hash', 'text', (column) => column.primaryKey())
    .addColumn('upload_id', 'text', (column) => column.notNull().unique())
    .addColumn('document_id', 'text', (column) => column.notNull())
    .addColumn('size_bytes', 'integer', (column) => column.notNull())
    .addColumn('document_proto', blob, (column) => column.notNull())
    .addColumn('problems_proto', blob, (column) => column.notNull())
    .addColumn('content', blob, (column) => column.notNull())
    .execute();
  await db.schema
    .createTable('ioc_scan_tasks')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('name', 'text', (column) => column.notNull().unique())
    .addColumn('scope_kind', 'text', (column) => column.notNull())
    .addColumn('scope_id', 'text', (column) => column.notNull())
    .addColumn('task_proto', blob, (column) => column.notNull())
    .addColumn('scheduled_at', 'bigint', (column) => column.notNull())
    .addColumn('changed_at', 'bigint', (column) => column.notNull())
    .addColumn('to_plan', 'integer', (column) => column.notNull())
    .addColumn('version', 'bigint', (column) => column.notNull().defaultTo(1))
    .execute();
  await db.schema
    .createTable('ioc_scan_specs')
    .addColumn('task_id', 'text', (column) => column.notNull())
    .addColumn('version', 'bigint', (column) => column.notNull())
    .addColumn('spec_proto', blob, (column) => column.notNull())
    .addPrimaryKeyConstraint('ioc_scan_specs_key', ['task_id', 'version'])
    .execute();
  await db.schema
    .createTable('ioc_scan_plans')
    .addColumn('task_id', 'text', (column) => column.notNull())
    .addColumn('device_id', 'text', (column) => column.notNull())
    .addColumn('version', 'bigint', (column) => column.notNull())
    .addColumn('time_zone', 'text', (column) => column.notNull())
    .addColumn('planned_to', 'bigint', (column) => column.notNull())
    .addColumn('look_at', 'bigint')
    .addPrimaryKeyConstraint('ioc_scan_plans_key', ['task_id', 'device_id'])
    .execute();
  await db.schema.createIndex('ioc_scan_plans_look').on('ioc_scan_plans').column('look_at').execute();
  await db.schema.createIndex('ioc_scan_plans_device').on('ioc_scan_plans').column('device_id').execute();
  await extendCommands(db, blobType);
  await addTimeZones(db);
}

async function extendCommands(db: Kysely<unknown>, blobType: BlobType): Promise<void> {
  await db.schema.alterTable('commands').addColumn('not_before', 'bigint').execute();
  await db.schema
    .alterTable('commands')
    .addColumn('task_id', 'text', (column) => column.notNull().defaultTo(''))
    .execute();
  const numbers = ['task_version', 'scheduled', 'withdrawn', 'pause_requested', 'progress_percent'];
  for (const name of numbers) {
    await db.schema
      .alterTable('commands')
      .addColumn(name, 'integer', (column) => column.notNull().defaultTo(0))
      .execute();
  }
  await db.schema.alterTable('commands').addColumn('progress_proto', sql.raw(blobType)).execute();
  // Of all commands: an index of those that have a task would not be used where the id comes with the query.
  await db.schema
    .createIndex('commands_task')
    .on('commands')
    .columns(['task_id', 'device_id', 'finished_at'])
    .execute();
  // Most commands have ended, and what looks for those that have not must not read them all.
  await db.schema
    .createIndex('commands_unfinished')
    .on('commands')
    .column('device_id')
    .where(sql<boolean>`finished_at is null`)
    .execute();
  await db.schema.createIndex('commands_finished').on('commands').columns(['finished_at', 'id']).execute();
}

async function addTimeZones(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .alterTable('devices')
    .addColumn('time_zone', 'text', (column) => column.notNull().defaultTo(''))
    .execute();
  const devices = db as Kysely<{
    devices: { id: string; facts_proto: Uint8Array | null; time_zone: string };
  }>;
  const rows = await devices.selectFrom('devices').select(['id', 'facts_proto']).execute();
  for (const { id, facts_proto: facts } of rows) {
    const zone = facts ? HostFacts.decode(facts).timeZone : '';
    if (zone === '') continue;
    await devices.updateTable('devices').set({ time_zone: zone }).where('id', '=', id).execute();
  }
}
