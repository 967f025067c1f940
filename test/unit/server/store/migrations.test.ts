import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { Kysely, Migrator, SqliteDialect } from 'kysely';
import Sqlite from 'libsql';
import { migrations } from '../../../../server/store/migrations.js';
import type { Database } from '../../../../server/store/schema.js';
import { Store } from '../../../../server/store/store.js';
import { AgentEvent, DetectionFound } from '../../../../shared/gen/cordon/v1/agent_service.js';
import { AlertState } from '../../../../shared/gen/cordon/v1/alert.js';
import { HostFacts } from '../../../../shared/gen/cordon/v1/device.js';
import { IsolationState, ObservedIsolation } from '../../../../shared/gen/cordon/v1/isolation.js';

describe('a store of before devices were selected', () => {
  const folder = mkdtempSync(join(tmpdir(), 'cordon-migration-'));
  const path = join(folder, 'store.db');

  after(() => rmSync(folder, { recursive: true }));

  it('knows afterwards what its devices are selected by', async () => {
    const older = new Kysely<Database>({ dialect: new SqliteDialect({ database: new Sqlite(path) }) });
    const provider = { getMigrations: () => Promise.resolve(migrations('blob')) };
    const { error } = await new Migrator({ db: older, provider }).migrateTo('2026-11-23-policies');
    expect(error).to.equal(undefined);
    const base = {
      group_id: '',
      tags_json: '[]',
      agent_version: '',
      enrolled_at: 0,
      banned: 0,
      clone_suspected: 0,
      key_hash: '',
      enrollment_token_id: '',
      generation: 1,
      observed_generation: 1,
      rejection: '',
      epoch: 0,
    };
    const state = IsolationState.ISOLATION_STATE_DEGRADED;
    await older
      .insertInto('devices')
      .values({
        ...base,
        id: 'a',
        name: 'heard-of',
        facts_proto: HostFacts.encode(
          HostFacts.fromPartial({ os: 'linux', timeZone: 'Europe/Berlin' }),
        ).finish(),
        observed_proto: ObservedIsolation.encode(ObservedIsolation.fromPartial({ state })).finish(),
      })
      .execute();
    await older
      .insertInto('devices')
      .values({ ...base, id: 'b', name: 'silent' })
      .execute();
    await older.destroy();

    const store = await Store.openSqlite(path);
    const rows = await store.read
      .selectFrom('devices')
      .select(['name', 'os', 'observed_state', 'time_zone'])
      .orderBy('name')
      .execute();
    await store.close();
    expect(rows).to.deep.equal([
      { name: 'heard-of', os: 'linux', observed_state: state, time_zone: 'Europe/Berlin' },
      { name: 'silent', os: '', observed_state: 0, time_zone: '' },
    ]);
  });
});

describe('a store of before there were alerts', () => {
  const folder = mkdtempSync(join(tmpdir(), 'cordon-migration-'));
  const path = join(folder, 'store.db');

  after(() => rmSync(folder, { recursive: true }));

  it('has an alert afterwards for each detection that a device has reported, in their order, and for nothing else', async () => {
    const older = new Kysely<Database>({ dialect: new SqliteDialect({ database: new Sqlite(path) }) });
    const provider = { getMigrations: () => Promise.resolve(migrations('blob')) };
    const { error } = await new Migrator({ db: older, provider }).migrateTo('2026-11-24-selection');
    expect(error).to.equal(undefined);
    const detection = { source: 'edr', ruleId: 'x'.repeat(500), detailsJson: '[1]' };
    const detectionFound = { $case: 'detectionFound' as const, value: DetectionFound.fromPartial(detection) };
    const tamper = { $case: 'tamperDetected' as const, value: { detail: 'gone', restoredAt: undefined } };
    const events = [
      ['a', 30, detectionFound],
      ['b', 10, detectionFound],
      ['c', 20, tamper],
    ] as const;
    for (const [id, at, event] of events) {
      // A time that no client can print: it was kept as it came.
      const occurredAt = { seconds: 2n ** 62n, nanos: 0 };
      const proto = AgentEvent.encode({ id, occurredAt, event }).finish();
      await older
        .insertInto('events')
        .values({ id, device_id: 'd', occurred_at: 0, received_at: at, event_proto: proto })
        .execute();
    }
    await older.destroy();

    const store = await Store.openSqlite(path);
    const rows = await store.read.selectFrom('alerts').selectAll().orderBy('number').execute();
    await store.close();
    expect(rows.map(({ id, number, occurred_at: at, state }) => [id, number, at, state])).to.deep.equal([
      ['b', 1, 10, AlertState.ALERT_STATE_OPEN],
      ['a', 2, 30, AlertState.ALERT_STATE_OPEN],
    ]);
    expect(rows[0]).to.include({ device_id: 'd', source: 'edr', title: 'x'.repeat(256) });
  });
});
