import { sql, type Kysely, type Migration } from 'kysely';
import { HostFacts } from '../../shared/gen/cordon/v1/device.js';
import { ObservedIsolation } from '../../shared/gen/cordon/v1/isolation.js';
import { alerts } from './migrations/alerts.js';
import { scans, type BlobType } from './scan-tables.js';
import type { Database } from './schema.js';

/** All migrations by name, oldest first. A released one is never changed. */
export function migrations(blobType: BlobType): Record<string, Migration> {
  return {
    '2026-11-22-first': { up: (db) => first(db, blobType) },
    '2026-11-23-policies': { up: (db) => policies(db, blobType) },
    '2026-11-24-selection': { up: selection },
    '2026-11-26-alerts': { up: (db) => alerts(db, sql.raw(blobType)) },
    '2026-11-26-scans': { up: (db) => scans(db, blobType) },
  };
}

/** What devices are selected by, and what the history of isolations shows beside what it has. */
async function selection(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .alterTable('devices')
    .addColumn('os', 'text', (column) => column.notNull().defaultTo(''))
    .execute();
  await db.schema
    .alterTable('devices')
    .addColumn('observed_state', 'integer', (column) => column.notNull().defaultTo(0))
    .execute();
  await db.schema.alterTable('isolations').addColumn('release_delay_ms', 'bigint').execute();
  await db.schema.alterTable('isolations').addColumn('until_at', 'bigint').execute();
  // A device has a long history and one isolation at most that is open.
  await db.schema
    .createIndex('isolations_open')
    .on('isolations')
    .column('device_id')
    .where(sql<boolean>`ended_at is null`)
    .execute();

  const devices = db as Kysely<Pick<Database, 'devices'>>;
  const rows = await devices.selectFrom('devices').select(['id', 'facts_proto', 'observed_proto']).execute();
  for (const { id, facts_proto: facts, observed_proto: observed } of rows) {
    await devices
      .updateTable('devices')
      .set({
        os: facts ? HostFacts.decode(facts).os : '',
        observed_state: observed ? ObservedIsolation.decode(observed).state : 0,
      })
      .where('id', '=', id)
      .execute();
  }
}

/** Groups, policies, tasks, and the settings that devices get from them. */
async function policies(db: Kysely<unknown>, blobType: BlobType): Promise<void> {
  const blob = sql.raw(blobType);
  await db.schema
    .createTable('groups')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('name', 'text', (column) => column.notNull())
    .addColumn('parent_id', 'text', (column) => column.notNull())
    .addColumn('version', 'bigint', (column) => column.notNull().defaultTo(1))
    .addUniqueConstraint('groups_siblings', ['parent_id', 'name'])
    .execute();
  await db.schema
    .createTable('policies')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('name', 'text', (column) => column.notNull().unique())
    .addColumn('group_id', 'text', (column) => column.notNull().unique())
    .addColumn('policy_proto', blob, (column) => column.notNull())
    .addColumn('version', 'bigint', (column) => column.notNull().defaultTo(1))
    .execute();
  await db.schema
    .createTable('isolation_tasks')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('scope_kind', 'text', (column) => column.notNull())
    .addColumn('scope_id', 'text', (column) => column.notNull())
    .addColumn('settings_proto', blob, (column) => column.notNull())
    .addColumn('version', 'bigint', (column) => column.notNull().defaultTo(1))
    .addUniqueConstraint('isolation_tasks_scope', ['scope_kind', 'scope_id'])
    .execute();
  await db.schema
    .createTable('settings')
    .addColumn('hash', 'text', (column) => column.primaryKey())
    .addColumn('settings_proto', blob, (column) => column.notNull())
    .execute();
  await db.schema
    .alterTable('devices')
    .addColumn('settings_hash', 'text', (column) => column.notNull().defaultTo(''))
    .execute();
  await db.schema.createIndex('devices_group').on('devices').columns(['group_id', 'name']).execute();
  await db.schema.createIndex('devices_settings').on('devices').columns(['settings_hash']).execute();
  // No isolation of before had other settings than the defaults, which are found without a copy.
  await db.schema.alterTable('isolations').dropColumn('settings_proto').execute();
  await db.schema
    .alterTable('isolations')
    .addColumn('settings_hash', 'text', (column) => column.notNull().defaultTo(''))
    .execute();
  await db.schema.createIndex('isolations_settings').on('isolations').columns(['settings_hash']).execute();
}

async function first(db: Kysely<unknown>, blobType: BlobType): Promise<void> {
  const blob = sql.raw(blobType);
  await db.schema
    .createTable('devices')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('name', 'text', (column) => column.notNull().unique())
    .addColumn('group_id', 'text', (column) => column.notNull())
    .addColumn('tags_json', 'text', (column) => column.notNull())
    .addColumn('facts_proto', blob)
    .addColumn('agent_version', 'text', (column) => column.notNull())
    .addColumn('enrolled_at', 'bigint', (column) => column.notNull())
    .addColumn('last_seen_at', 'bigint')
    .addColumn('banned', 'integer', (column) => column.notNull())
    .addColumn('clone_suspected', 'integer', (column) => column.notNull())
    .addColumn('key_hash', 'text', (column) => column.notNull())
    .addColumn('enrollment_token_id', 'text', (column) => column.notNull())
    .addColumn('generation', 'bigint', (column) => column.notNull())
    .addColumn('observed_generation', 'bigint', (column) => column.notNull())
    .addColumn('directive_proto', blob)
    .addColumn('observed_proto', blob)
    .addColumn('rejection', 'text', (column) => column.notNull())
    .addColumn('epoch', 'bigint', (column) => column.notNull())
    .addColumn('session_nonce', blob)
    .addColumn('version', 'bigint', (column) => column.notNull().defaultTo(1))
    .execute();

  await db.schema
    .createTable('certificates')
    .addColumn('fingerprint', 'text', (column) => column.primaryKey())
    .addColumn('device_id', 'text', (column) => column.notNull())
    .addColumn('serial', 'text', (column) => column.notNull())
    .addColumn('issued_at', 'bigint', (column) => column.notNull())
    .addColumn('expires_at', 'bigint', (column) => column.notNull())
    .addColumn('first_used_at', 'bigint')
    .addColumn('revoked_at', 'bigint')
    .execute();
  await db.schema
    .createIndex('certificates_device')
    .on('certificates')
    .columns(['device_id', 'issued_at'])
    .execute();

  await db.schema
    .createTable('enrollment_tokens')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('secret_hash', 'text', (column) => column.notNull().unique())
    .addColumn('max_uses', 'integer', (column) => column.notNull())
    .addColumn('uses', 'integer', (column) => column.notNull())
    .addColumn('expires_at', 'bigint', (column) => column.notNull())
    .addColumn('group_id', 'text', (column) => column.notNull())
    .addColumn('created_by', 'text', (column) => column.notNull())
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .addColumn('revoked', 'integer', (column) => column.notNull())
    .execute();

  await db.schema
    .createTable('api_tokens')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('secret_hash', 'text', (column) => column.notNull().unique())
    .addColumn('operator_name', 'text', (column) => column.notNull())
    .addColumn('role', 'integer', (column) => column.notNull())
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .addColumn('expires_at', 'bigint')
    .addColumn('revoked', 'integer', (column) => column.notNull())
    .execute();

  await db.schema
    .createTable('isolations')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('device_id', 'text', (column) => column.notNull())
    .addColumn('mode', 'integer', (column) => column.notNull())
    .addColumn('requested_by', 'text', (column) => column.notNull())
    .addColumn('reason', 'text', (column) => column.notNull())
    .addColumn('issued_at', 'bigint', (column) => column.notNull())
    .addColumn('delivered_at', 'bigint')
    .addColumn('enforced_at', 'bigint')
    .addColumn('verified_at', 'bigint')
    .addColumn('ended_at', 'bigint')
    .addColumn('end_cause', 'integer', (column) => column.notNull())
    .addColumn('released_by', 'text', (column) => column.notNull())
    .addColumn('release_reason', 'text', (column) => column.notNull())
    .addColumn('settings_proto', blob, (column) => column.notNull())
    .addColumn('evidence_proto', blob)
    .execute();
  await db.schema
    .createIndex('isolations_device')
    .on('isolations')
    .columns(['device_id', 'issued_at'])
    .execute();

  await db.schema
    .createTable('commands')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('device_id', 'text', (column) => column.notNull())
    .addColumn('spec_proto', blob, (column) => column.notNull())
    .addColumn('state', 'integer', (column) => column.notNull())
    .addColumn('requested_by', 'text', (column) => column.notNull())
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .addColumn('expires_at', 'bigint', (column) => column.notNull())
    .addColumn('run_timeout_ms', 'bigint', (column) => column.notNull())
    .addColumn('finished_at', 'bigint')
    .addColumn('error', 'text', (column) => column.notNull())
    .addColumn('result_proto', blob)
    .addColumn('delivery_attempts', 'integer', (column) => column.notNull())
    .addColumn('cancel_requested', 'integer', (column) => column.notNull())
    .execute();
  await db.schema.createIndex('commands_device').on('commands').columns(['device_id', 'state']).execute();

  await db.schema
    .createTable('events')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('device_id', 'text', (column) => column.notNull())
    .addColumn('occurred_at', 'bigint', (column) => column.notNull())
    .addColumn('received_at', 'bigint', (column) => column.notNull())
    .addColumn('event_proto', blob, (column) => column.notNull())
    .execute();

  await db.schema
    .createTable('audit')
    .addColumn('sequence', 'bigint', (column) => column.primaryKey())
    .addColumn('occurred_at', 'bigint', (column) => column.notNull())
    .addColumn('actor', 'text', (column) => column.notNull())
    .addColumn('action', 'text', (column) => column.notNull())
    .addColumn('device_id', 'text', (column) => column.notNull())
    .addColumn('reason', 'text', (column) => column.notNull())
    .addColumn('details_json', 'text', (column) => column.notNull())
    .addColumn('request_id', 'text', (column) => column.notNull())
    .addColumn('previous_hash', blob, (column) => column.notNull())
    .addColumn('hash', blob, (column) => column.notNull())
    .execute();
  await db.schema.createIndex('audit_device').on('audit').columns(['device_id', 'sequence']).execute();

  await db.schema
    .createTable('requests')
    .addColumn('request_id', 'text', (column) => column.notNull())
    .addColumn('token_id', 'text', (column) => column.notNull())
    .addColumn('method', 'text', (column) => column.notNull())
    .addColumn('request_hash', 'text', (column) => column.notNull())
    .addColumn('response_proto', blob, (column) => column.notNull())
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .addPrimaryKeyConstraint('requests_key', ['token_id', 'request_id'])
    .execute();
}
