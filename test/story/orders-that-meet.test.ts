import { expect } from 'chai';
import {
  IsolationAction,
  IsolationEndCause,
  IsolationMode,
  IsolationSettings,
  IsolationState,
  ObservedIsolation,
} from '../../shared/gen/cordon/v1/isolation.js';
import type { DesiredState } from '../../shared/gen/cordon/v1/agent_service.js';
import { refreshSettings } from '../../server/desired/refresh.js';
import { newId } from '../../shared/ids.js';
import { toTimestamp } from '../../shared/time.js';
import { LinkSite, helloOf, until, type ToldAgent } from './server-link-site.js';

const { ISOLATION_STATE_RELEASED: RELEASED, ISOLATION_STATE_ISOLATED: ISOLATED } = IsolationState;
const { ISOLATION_MODE_MANUAL: MANUAL, ISOLATION_MODE_AUTOMATIC: AUTOMATIC } = IsolationMode;
const {
  ISOLATION_END_CAUSE_OPERATOR: OPERATOR,
  ISOLATION_END_CAUSE_REPLACED: REPLACED,
  ISOLATION_END_CAUSE_DEADLINE: DEADLINE,
  ISOLATION_END_CAUSE_LOCAL: LOCAL,
} = IsolationEndCause;

/** The table "Orders that meet" in docs/operations.md, line by line. */
describe('orders that meet', () => {
  let site: LinkSite;
  let device: string;
  let agent: ToldAgent;

  beforeEach(async () => {
    site = await LinkSite.open();
    device = await site.device('web-1');
  });

  afterEach(() => site.close());

  /** A device that is released and says so; its stream stays open. */
  async function connectReleased(): Promise<void> {
    agent = site.agent(device);
    await agent.hello();
    await agent.applied(newest(), { state: RELEASED });
  }

  function disconnect(): void {
    agent.session.closed();
  }

  /** The device comes back and says what it enforces. */
  async function reconnect(observed: Partial<ObservedIsolation>): Promise<void> {
    agent = site.agent(device);
    const hello = helloOf(device);
    if (hello.$case !== 'hello') throw new Error('not a Hello');
    await agent.say({
      $case: 'hello',
      value: { ...hello.value, observed: ObservedIsolation.fromPartial(observed) },
    });
  }

  const newest = (): DesiredState => agent.desired ?? never();

  async function arrives(generation: number): Promise<string> {
    await until(() => agent.desired?.generation === BigInt(generation));
    return newest().directive?.id ?? '';
  }

  /** An isolation that is ordered, arrives, and is enforced. Returns its id. */
  async function isolated(): Promise<string> {
    const id = await arrives(await site.order(device, 'isolate'));
    await agent.applied(newest(), { state: ISOLATED, mode: MANUAL });
    return id;
  }

  /** The device says that this isolation has ended. */
  const ended = (
    isolationId: string,
    endCause: IsolationEndCause,
    endedBy = '',
  ): Partial<ObservedIsolation> => ({
    state: RELEASED,
    isolationId,
    endCause,
    endedAt: toTimestamp(site.clock.wall()),
    endedBy,
  });

  /** A report that nobody asked for. */
  const reports = (observed: Partial<ObservedIsolation>): Promise<void> =>
    agent.applied({ ...newest(), nonce: 0n }, observed);

  const records = () =>
    site.store.read
      .selectFrom('isolations')
      .selectAll()
      .where('device_id', '=', device)
      .orderBy('id')
      .execute();

  const record = async (id: string) => (await records()).find((row) => row.id === id) ?? never();

  async function expectNothingPending(): Promise<void> {
    const { generation, observed_generation: observed } = await site.row(device);
    expect(observed, 'observed generation').to.equal(generation);
  }

  describe('the release of a released device', () => {
    it('sends nothing to the device and leaves an audit record alone', async () => {
      await connectReleased();
      const before = newest();
      const generation = await site.order(device, 'release');
      site.clock.advance(5_000);
      await new Promise((resolve) => setImmediate(resolve));
      expect(newest()).to.equal(before);
      expect(generation).to.equal(1);
      expect(await site.audited(device)).to.deep.equal(['isolation.release']);
      await expectNothingPending();
    });

    it('is not pending while the device is offline', async () => {
      await connectReleased();
      disconnect();
      await site.order(device, 'release');
      await expectNothingPending();
    });

    it('waits for a device that was never heard of, and is over when it has answered', async () => {
      expect(await site.order(device, 'release')).to.equal(2);
      await connectReleased();
      await expectNothingPending();
    });

    it('is an order where the server only wants it released and has not heard yet that it is', async () => {
      await connectReleased();
      await isolated();
      await site.order(device, 'release');
      expect(await site.order(device, 'release')).to.equal(4);
    });
  });

  describe('isolate while isolated', () => {
    it('ends the first in the moment in which the second is in force', async () => {
      await connectReleased();
      const first = await isolated();
      const second = await arrives(await site.order(device, 'isolate'));
      expect((await record(first)).ended_at, 'before the second is enforced').to.equal(null);
      await agent.applied(newest(), { state: ISOLATED, mode: MANUAL });
      expect(await record(first)).to.include({ end_cause: REPLACED, released_by: '' });
      expect(await record(second)).to.include({ end_cause: 0, ended_at: null });
      await expectNothingPending();
    });

    it('forgets a release that it overtook', async () => {
      await connectReleased();
      const first = await isolated();
      disconnect();
      await site.order(device, 'release');
      await site.order(device, 'isolate');
      await reconnect({ state: ISOLATED, mode: MANUAL, isolationId: first });
      const second = newest().directive?.id;
      await agent.applied(newest(), { state: ISOLATED, mode: MANUAL });
      expect(await record(first)).to.include({ end_cause: REPLACED, released_by: '', release_reason: '' });
      expect((await records()).filter(({ ended_at }) => ended_at === null).map(({ id }) => id)).to.deep.equal(
        [second],
      );
      await expectNothingPending();
    });
  });

  describe('before delivery', () => {
    it('isolate, then release: the isolation never was, and the device hears of the release alone', async () => {
      await connectReleased();
      disconnect();
      await site.order(device, 'isolate');
      await site.order(device, 'release');
      const [only] = await records();
      expect(only).to.include({
        end_cause: OPERATOR,
        delivered_at: null,
        enforced_at: null,
        released_by: 'ada',
      });
      agent = site.agent(device);
      await agent.hello();
      expect(newest().directive?.action).to.equal(IsolationAction.ISOLATION_ACTION_RELEASE);
      await agent.applied(newest(), { state: RELEASED });
      await expectNothingPending();
    });

    it('isolate twice: the first is replaced, the second is in force', async () => {
      await connectReleased();
      disconnect();
      await site.order(device, 'isolate');
      await site.order(device, 'isolate');
      agent = site.agent(device);
      await agent.hello();
      await agent.applied(newest(), { state: ISOLATED, mode: MANUAL });
      const [first, second] = await records();
      expect(first).to.include({ end_cause: REPLACED, delivered_at: null, enforced_at: null });
      expect(second).to.include({ end_cause: 0, ended_at: null });
      expect(second?.enforced_at).to.be.a('number');
      await expectNothingPending();
    });
  });

  it('a release that crosses the report of its isolation ends it when the device says so, not before', async () => {
    await connectReleased();
    const id = await arrives(await site.order(device, 'isolate'));
    // On its way, and not known to be: deliveries are written a moment later.
    const release = await site.order(device, 'release');
    site.clock.advance(100);
    await agent.applied(newest(), { state: ISOLATED, mode: MANUAL });
    expect(await record(id)).to.include({ ended_at: null, end_cause: 0 });
    await arrives(release);
    site.clock.advance(100);
    await agent.applied(newest(), ended(id, OPERATOR));
    const { enforced_at: enforced, ended_at: end, released_by: by } = await record(id);
    expect(Number(end)).to.be.above(Number(enforced));
    expect(by).to.equal('ada');
    await expectNothingPending();
  });

  describe('settings that change', () => {
    const settings = IsolationSettings.fromPartial({ notificationText: 'ask the help desk' });

    /** A network-isolation task for a group; '' is the root group. */
    const giveTask = (scopeId: string): Promise<string[]> =>
      site.store.write(async (tx) => {
        const settings_proto = IsolationSettings.encode(settings).finish();
        await tx
          .insertInto('isolation_tasks')
          .values({ id: newId(), scope_kind: 'group', scope_id: scopeId, settings_proto })
          .execute();
        return refreshSettings(tx, { kind: 'groups', groupIds: [scopeId] });
      });

    it('while an order waits go to the device together with it, and nothing is pending after its answer', async () => {
      await connectReleased();
      disconnect();
      const generation = await site.order(device, 'isolate');
      await giveTask('');
      agent = site.agent(device);
      await agent.hello();
      expect(newest().generation).to.equal(BigInt(generation + 1));
      expect(newest().manualSettings).to.deep.equal(settings);
      await agent.applied(newest(), { state: ISOLATED, mode: MANUAL });
      const [only] = await records();
      expect(only).to.include({ ended_at: null, settings_hash: (await site.row(device)).settings_hash });
      await expectNothingPending();
    });

    it('with a move to another group while isolated leave it one isolation', async () => {
      await connectReleased();
      const id = await isolated();
      await site.store.write((tx) =>
        tx.insertInto('groups').values({ id: 'g-ot', name: 'OT', parent_id: '' }).execute(),
      );
      await giveTask('g-ot');
      const moved = await site.store.write(async (tx) => {
        await tx.updateTable('devices').set({ group_id: 'g-ot' }).where('id', '=', device).execute();
        return refreshSettings(tx, { kind: 'device', deviceId: device });
      });
      site.registry.pokeDesired(moved);
      expect(await arrives(3)).to.equal(id);
      expect(newest().manualSettings).to.deep.equal(settings);
      await agent.applied(newest(), { state: ISOLATED, mode: MANUAL });
      expect((await records()).map((row) => [row.id, row.ended_at])).to.deep.equal([[id, null]]);
      await expectNothingPending();
    });
  });

  describe('an automatic isolation', () => {
    const started = (id: string): ObservedIsolation =>
      ObservedIsolation.fromPartial({
        state: ISOLATED,
        mode: AUTOMATIC,
        isolationId: id,
        reason: 'ioc 17',
        requestedBy: 'scanner',
        enforcedAt: toTimestamp(site.clock.wall()),
        until: toTimestamp(site.clock.wall() + 3_600_000),
      });

    it('that the server did not know of is released by who ordered it', async () => {
      await site.order(device, 'release');
      const id = newId();
      await reconnect(started(id));
      expect(await record(id)).to.include({ mode: AUTOMATIC, requested_by: 'scanner', reason: 'ioc 17' });
      await agent.applied(newest(), ended(id, OPERATOR));
      expect(await record(id)).to.include({
        end_cause: OPERATOR,
        released_by: 'ada',
        release_reason: 'malware',
      });
    });

    it('is replaced by the isolation that an operator orders', async () => {
      await connectReleased();
      const id = newId();
      await reports(started(id));
      await isolated();
      expect(await record(id)).to.include({ end_cause: REPLACED });
      await expectNothingPending();
    });

    it('that a local user released is recorded with who it was', async () => {
      await connectReleased();
      const id = newId();
      await reports(started(id));
      await reports(ended(id, LOCAL, 'local:root'));
      expect(await record(id)).to.include({
        end_cause: LOCAL,
        released_by: 'local:root',
        release_reason: '',
      });
      expect(await endings()).to.deep.equal([{ isolation_id: id, cause: 'local', ended_by: 'local:root' }]);
      await expectNothingPending();
    });
  });

  describe('an end on the device', () => {
    it('by a local user makes the directive follow and says who it was, once', async () => {
      await connectReleased();
      const id = await isolated();
      const observed = ended(id, LOCAL, 'local:root');
      await agent.say({
        $case: 'event',
        value: {
          id: newId(),
          occurredAt: undefined,
          event: { $case: 'isolationChanged', value: { observed: ObservedIsolation.fromPartial(observed) } },
        },
      });
      await reports(observed);
      await arrives(3);
      expect(newest().directive).to.deep.include({
        action: IsolationAction.ISOLATION_ACTION_RELEASE,
        reason: 'ended on the device: local, by local:root',
      });
      await agent.applied(newest(), observed);
      expect(await record(id)).to.include({ end_cause: LOCAL, released_by: 'local:root' });
      expect(await endings()).to.deep.equal([
        { isolation_id: id, cause: 'local', ended_by: 'local:root', generation: 3 },
      ]);
      await expectNothingPending();
    });

    it("by its deadline is nobody's release, although one was on its way", async () => {
      await connectReleased();
      const id = await isolated();
      disconnect();
      await site.order(device, 'release');
      await reconnect(ended(id, DEADLINE));
      await agent.applied(newest(), ended(id, DEADLINE));
      expect(await record(id)).to.include({ end_cause: DEADLINE, released_by: '', release_reason: '' });
      expect(await endings()).to.deep.equal([{ isolation_id: id, cause: 'deadline' }]);
      await expectNothingPending();
    });

    it('is known beforehand by the last report, and a late event does not change that', async () => {
      await connectReleased();
      const id = await isolated();
      const end = site.clock.wall() + 7_200_000;
      await reports({ state: ISOLATED, mode: MANUAL, until: toTimestamp(end) });
      const late = { state: ISOLATED, mode: MANUAL, isolationId: id, until: toTimestamp(end - 3_600_000) };
      await agent.say({
        $case: 'event',
        value: {
          id: newId(),
          occurredAt: undefined,
          event: { $case: 'isolationChanged', value: { observed: ObservedIsolation.fromPartial(late) } },
        },
      });
      expect((await record(id)).until_at).to.equal(end);
    });
  });

  /** Details of the audit records about ends that no operator ordered. */
  async function endings(): Promise<unknown[]> {
    const rows = await site.store.read
      .selectFrom('audit')
      .select('details_json')
      .where('action', '=', 'isolation.ended')
      .execute();
    return rows.map(({ details_json }) => JSON.parse(details_json) as unknown);
  }
});

function never(): never {
  throw new Error('what the story needs is not there');
}
