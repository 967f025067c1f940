import { expect } from 'chai';
import { Capability } from '../../shared/gen/cordon/v1/agent_service.js';
import { CommandState } from '../../shared/gen/cordon/v1/command.js';
import { ConnectionState, DeviceFilter } from '../../shared/gen/cordon/v1/device.js';
import { IocScanTask, type TaskScope } from '../../shared/gen/cordon/v1/task.js';
import { fromTimestamp, toDuration, toTimestamp } from '../../shared/time.js';
import { newId } from '../../shared/ids.js';
import { pino } from 'pino';
import { Planner } from '../../server/scans/planner.js';
import { addDevices } from '../unit/server/device-rows.js';
import { refused } from './desk.js';
import { DAY, HOUR, ScanDesk } from './scan-desk.js';
import { LinkSite } from './server-link-site.js';

const capabilities = [Capability.CAPABILITY_IOC_SCAN];
const device = (value: string): { scope: TaskScope } => ({ scope: { target: { $case: 'deviceId', value } } });
const group = (value: string): { scope: TaskScope } => ({ scope: { target: { $case: 'groupId', value } } });
const filter = (given: Partial<DeviceFilter>): { scope: TaskScope } => ({
  scope: { target: { $case: 'filter', value: { ...DeviceFilter.fromPartial({}), ...given } } },
});

describe('planned runs of IOC scan tasks', () => {
  let site: LinkSite;
  let desk: ScanDesk;
  let documentHashes: Buffer[];
  /** The clock of the site stands at midnight, UTC. */
  let midnight: number;
  const nightly = { schedule: '0 3 * * *' };

  beforeEach(async () => {
    site = await LinkSite.open();
    desk = new ScanDesk(site);
    documentHashes = [await desk.document('one')];
    midnight = site.clock.wall();
  });

  afterEach(() => site.close());

  const scan = (given: Parameters<ScanDesk['scan']>[0]) => desk.scan({ documentHashes, ...given });
  const starts = (name: string) => desk.starts(name, midnight);

  it('are one a device, and the next when one is due; the task shows how they stand', async () => {
    for (const name of ['web-1', 'web-2']) await site.device(name);
    await scan({ ...group('root'), ...nightly });
    expect(await starts('web-1')).to.deep.equal([3]);
    await desk.pass(HOUR);
    expect(await starts('web-1')).to.deep.equal([3]);
    const planned = (await desk.readScan('nightly')).status;
    expect(planned).to.deep.include({ waiting: 2, running: 0, succeeded: 0, failed: 0 });
    expect(planned?.nextStart && fromTimestamp(planned.nextStart)).to.equal(midnight + 3 * HOUR);

    await desk.pass(2 * HOUR);
    expect(await starts('web-1')).to.deep.equal([3, 27]);
    const [command] = (await desk.commands('web-1', 'nightly')).slice(-1);
    expect(command).to.deep.include({
      requestedBy: 'task:nightly',
      notBefore: toTimestamp(midnight + 3 * HOUR),
      expiresAt: toTimestamp(midnight + 27 * HOUR),
      runTimeout: toDuration(8 * HOUR),
    });
    expect(command?.spec?.work).to.deep.include({ $case: 'iocScan' });
    expect(await desk.commands('', 'nightly')).to.have.length(4);
  });

  it('count a device by the run that it has begun, else by the last that ended', async () => {
    for (const name of ['web-1', 'web-2', 'web-3', 'web-4']) await site.device(name);
    await scan({ ...group('root'), ...nightly });
    await desk.pass(3 * HOUR);
    const states = [
      CommandState.COMMAND_STATE_PAUSED,
      CommandState.COMMAND_STATE_SUCCEEDED,
      CommandState.COMMAND_STATE_TIMED_OUT,
    ];
    for (const [index, state] of states.entries()) {
      const [, due] = await desk.commands(`web-${index + 1}`);
      const finished_at = state === CommandState.COMMAND_STATE_PAUSED ? null : site.clock.wall();
      const changed = { state, finished_at };
      await site.store.write((tx) =>
        tx
          .updateTable('commands')
          .set(changed)
          .where('id', '=', due?.id ?? '')
          .execute(),
      );
    }
    const task = await desk.readScan('nightly');
    for (const [index, taskId] of [task.id, task.id, 'another'].entries()) {
      const alert = { id: newId(), number: index, device_id: 'x', source: '', title: '', task_id: taskId };
      const rest = { isolation_id: '', occurred_at: 0, received_at: 0, state: 1, comment_count: 0 };
      const row = { ...alert, ...rest, detection_proto: Buffer.alloc(0), bytes: 0, closed_by: '' };
      await site.store.write((tx) => tx.insertInto('alerts').values(row).execute());
    }
    const { status } = await desk.readScan('nightly');
    expect(status).to.deep.include({ waiting: 1, running: 1, succeeded: 1, failed: 1, alerts: 2 });
    expect(status?.nextStart && fromTimestamp(status.nextStart)).to.equal(midnight + 27 * HOUR);
  });

  it('are in the time zone of the task, else of the device, else UTC, and follow it', async () => {
    const berlin = await site.device('berlin');
    await site.device('nowhere');
    await site.agent(berlin).hello({ timeZone: 'Europe/Berlin', capabilities });
    await scan({ ...group('root'), ...nightly });
    expect(await starts('berlin')).to.deep.equal([2]);
    expect(await starts('nowhere')).to.deep.equal([3]);
    await site.agent(berlin).hello({ timeZone: 'America/New_York', capabilities });
    await site.planner.poke();
    expect(await starts('berlin'), 'after a journey').to.deep.equal([8]);
    await desk.editScan('nightly', ['time_zone'], { timeZone: 'Asia/Tokyo' });
    expect(await starts('berlin')).to.deep.equal([18]);
    expect(await starts('nowhere')).to.deep.equal([18]);
  });

  it('of a task that runs once are one, later by a random part for each device', async () => {
    await addDevices(
      site.store,
      Array.from({ length: 40 }, (_, at) => ({ name: `web-${at}` })),
    );
    const startAt = toTimestamp(midnight + 2 * HOUR);
    await scan({ ...group('root'), startAt, randomSpread: toDuration(HOUR) });
    const all: number[] = [];
    for (let at = 0; at < 40; at++) all.push(...(await starts(`web-${at}`)).map(Number));
    expect(new Set(all).size).to.equal(40);
    expect(Math.min(...all)).to.be.within(2, 2.5);
    expect(Math.max(...all)).to.be.within(2.5, 3);
    await desk.pass(6 * DAY);
    expect(await starts('web-1'), 'it waits for a device that is off').to.have.length(1);
  });

  it('are replaced when the task changes, stay when it does not, and go with it', async () => {
    await site.device('web-1');
    const task = await scan({ ...device('web-1'), ...nightly });
    const [before] = await desk.commands();
    await site.planner.poke();
    expect(await desk.commands()).to.deep.equal([before]);
    await desk.editScan(task.id, ['schedule'], { schedule: '0 5 * * *' });
    expect(await starts('web-1')).to.deep.equal([5]);
    await desk.editScan(task.id, ['time_limit'], { timeLimit: toDuration(HOUR) });
    expect((await desk.commands()).map(({ runTimeout }) => runTimeout)).to.deep.equal([toDuration(HOUR)]);
    await desk.removeScan(task.id);
    expect(await desk.commands()).to.deep.equal([]);
    expect(await site.store.read.selectFrom('ioc_scan_plans').selectAll().execute()).to.deep.equal([]);
  });

  it('that a device has already are cancelled there', async () => {
    await site.device('web-1');
    const task = await scan({ ...device('web-1'), ...nightly });
    await site.store.write((tx) =>
      tx.updateTable('commands').set({ delivery_attempts: 1, state: 2 }).execute(),
    );
    await desk.editScan(task.id, ['schedule'], { schedule: '0 5 * * *' });
    const rows = await site.store.read
      .selectFrom('commands')
      .select(['cancel_requested', 'withdrawn', 'not_before'])
      .orderBy('id')
      .execute();
    expect(rows).to.deep.equal([
      { cancel_requested: 1, withdrawn: 1, not_before: midnight + 3 * HOUR },
      { cancel_requested: 0, withdrawn: 0, not_before: midnight + 5 * HOUR },
    ]);
    expect((await desk.readScan(task.id)).status).to.include({ waiting: 1, failed: 0 });
  });

  it('follow devices that come, move and are banned', async () => {
    const inside = await desk.group('OT');
    const one = await site.device('web-1');
    await scan({ ...group('OT'), ...nightly });
    expect(await starts('web-1')).to.deep.equal([]);
    await desk.move('web-1', inside);
    await site.planner.poke();
    expect(await starts('web-1')).to.deep.equal([3]);
    await desk.move('web-1', 'root');
    await site.planner.poke();
    expect(await starts('web-1')).to.deep.equal([]);
    await desk.move('web-1', inside);
    await site.store.write((tx) => tx.updateTable('devices').set({ banned: 1 }).execute());
    site.planner.deviceChanged(one);
    await site.planner.poke();
    expect(await starts('web-1')).to.deep.equal([]);
  });

  it('begin with the next start on a device that moves in, not with one of the past', async () => {
    const inside = await desk.group('OT');
    await site.device('web-1');
    await site.device('web-2');
    await desk.move('web-1', inside);
    await scan({ ...group('OT'), ...nightly });
    await desk.pass(4 * HOUR);
    await desk.move('web-2', inside);
    await site.planner.poke();
    expect(await starts('web-2')).to.deep.equal([27]);
    expect(await starts('web-1'), 'one that was there').to.deep.equal([3, 27]);
  });

  it('reach the devices that meet conditions when they are prepared, and stay when only the stream comes and goes', async () => {
    const one = await site.device('web-1');
    await site.device('db-1');
    await scan({
      ...filter({ namePattern: 'web-*', connection: ConnectionState.CONNECTION_STATE_ONLINE }),
      ...nightly,
    });
    expect(await starts('web-1')).to.deep.equal([]);
    const agent = site.agent(one);
    await agent.hello({ capabilities });
    await desk.pass(600_000);
    expect(await starts('web-1')).to.deep.equal([3]);
    expect(await starts('db-1')).to.deep.equal([]);
    agent.session.closed();
    await desk.pass(600_000);
    expect(await starts('web-1')).to.deep.equal([3]);
    await site.store.write((tx) =>
      tx.updateTable('devices').set({ name: 'db-2' }).where('id', '=', one).execute(),
    );
    await desk.pass(600_000);
    expect(await starts('db-2')).to.deep.equal([]);
  });

  it('are left out where 50 commands wait, which the audit says', async () => {
    const one = await site.device('web-1');
    const rows = Array.from({ length: 50 }, () => ({
      id: newId(),
      device_id: one,
      spec_proto: Buffer.alloc(0),
      state: CommandState.COMMAND_STATE_PENDING,
      requested_by: 'ada',
      created_at: 0,
      expires_at: midnight + 30 * DAY,
      run_timeout_ms: 1,
      error: '',
      delivery_attempts: 0,
      cancel_requested: 0,
    }));
    await site.store.write((tx) => tx.insertInto('commands').values(rows).execute());
    await scan({ ...device('web-1'), ...nightly });
    expect(await site.audited(one)).to.deep.equal(['ioc_scan_task.create', 'ioc_scan.skipped']);
    expect(await desk.commands('', 'nightly')).to.deep.equal([]);
    expect(await desk.runScan('nightly')).to.deep.equal({ commandIds: [], skippedDevices: 1 });
    await site.store.write((tx) => tx.deleteFrom('commands').execute());
    await desk.pass(3 * HOUR);
    expect(await starts('web-1'), 'the next one has room').to.deep.equal([27]);
  });

  it('may be asked for at once, beside those that are planned, on devices of the task', async () => {
    await site.device('web-1');
    await site.device('db-1');
    await scan({ ...filter({ namePattern: 'web-*' }), ...nightly });
    const { commandIds, skippedDevices } = await desk.runScan('nightly');
    expect([commandIds.length, skippedDevices]).to.deep.equal([1, 0]);
    expect(await starts('web-1')).to.deep.equal([null, 3]);
    const [now] = await desk.commands('web-1');
    expect(now).to.deep.include({
      id: commandIds[0],
      requestedBy: 'ada',
      notBefore: undefined,
      expiresAt: toTimestamp(midnight + DAY),
    });
    expect(await desk.runScan('nightly', ['web-1']), 'one is under way').to.deep.equal({
      commandIds: [],
      skippedDevices: 1,
    });
    expect(await refused(desk.runScan('nightly', ['web-1', 'db-1']))).to.include({ field: 'devices[1]' });
    expect((await refused(desk.runScan('weekly'))).reason).to.equal('NOT_FOUND');
  });

  describe('of ten thousand devices', () => {
    const DEVICES = 10_000;

    it('take a bounded number of transactions, and a server that ends in the middle plans none twice', async function () {
      this.timeout(60_000);
      await addDevices(
        site.store,
        Array.from({ length: DEVICES }, (_, at) => ({ name: `pc-${at}` })),
      );
      let transactions = 0;
      const planner = (endAfter: number): Planner => {
        const store = Object.create(site.store, {
          write: {
            value: (change: Parameters<typeof site.store.write>[0]) => {
              if (++transactions > endAfter) return Promise.reject(new Error('the server has ended'));
              return site.store.write(change);
            },
          },
        }) as typeof site.store;
        return new Planner({
          store,
          clock: site.clock,
          log: pino({ level: 'silent' }),
          isOnline: () => false,
          commandsChanged: () => undefined,
        });
      };
      await site.planner.close();
      await desk.createScan({
        ...scanOf(),
        randomSpread: toDuration(HOUR),
      });

      const first = planner(7);
      await first.poke();
      await first.close();
      expect(await count(), 'planned before the end').to.equal(7 * 500);

      transactions = 0;
      const second = planner(Number.POSITIVE_INFINITY);
      await second.poke();
      expect(transactions).to.be.at.most(DEVICES / 500);
      expect(await count()).to.equal(DEVICES);
      expect(await devices(), 'one a device').to.equal(DEVICES);

      transactions = 0;
      await second.poke();
      expect(transactions, 'nothing is left to do').to.equal(0);
      await second.close();
      expect((await desk.readScan('nightly')).status).to.include({ waiting: DEVICES });
    });

    const scanOf = () => {
      return {
        ...IocScanTask.fromPartial({}),
        displayName: 'nightly',
        documentHashes,
        ...group('root'),
        ...nightly,
      };
    };
    const count = async (): Promise<number> => {
      const row = await site.store.read
        .selectFrom('commands')
        .select((found) => found.fn.countAll<number>().as('count'))
        .executeTakeFirstOrThrow();
      return Number(row.count);
    };
    const devices = async (): Promise<number> => {
      const rows = await site.store.read.selectFrom('commands').select('device_id').distinct().execute();
      return rows.length;
    };
  });
});
