import { expect } from 'chai';
import { defaultExclusions } from '../../shared/exclusions/profiles.js';
import type { DesiredState } from '../../shared/gen/cordon/v1/agent_service.js';
import { Exclusion } from '../../shared/gen/cordon/v1/exclusion.js';
import {
  IsolationAction,
  IsolationMode,
  IsolationState,
  type IsolationSettings,
} from '../../shared/gen/cordon/v1/isolation.js';
import { newId } from '../../shared/ids.js';
import { toDuration, toTimestamp } from '../../shared/time.js';
import { Desk } from './desk.js';
import { LinkSite, until, type ToldAgent } from './server-link-site.js';

const HOUR_MS = 3_600_000;

function only(name: string): Exclusion {
  return Exclusion.fromPartial({ name, protocol: 6, remotePorts: [{ first: 443, last: 443 }] });
}

const namesOf = (settings: IsolationSettings | undefined): string[] | undefined =>
  settings?.exclusions.map(({ name }) => name);

describe('policies and tasks on the way to a device', () => {
  let site: LinkSite;
  let desk: Desk;
  let device: string;
  let agent: ToldAgent;
  /** Nonce of the newest desired state that was answered. */
  let answered: bigint;

  beforeEach(async () => {
    site = await LinkSite.open();
    desk = new Desk(site);
    device = await site.device('web-1');
    agent = site.agent(device);
    await agent.hello();
    answered = 0n;
    await follow({ state: IsolationState.ISOLATION_STATE_RELEASED, isolationId: '' });
  });

  afterEach(() => site.close());

  const desired = (): DesiredState => {
    if (!agent.desired) throw new Error('no desired state was sent');
    return agent.desired;
  };

  /** Answers each desired state that comes, up to the newest. */
  const follow = async (observed: Parameters<ToldAgent['applied']>[1] = {}): Promise<DesiredState> => {
    for (;;) {
      const state = desired();
      if (state.nonce !== answered) await agent.applied(state, observed);
      answered = state.nonce;
      if (state.generation === BigInt((await site.row(device)).generation)) return state;
      await until(() => desired().nonce !== answered);
    }
  };

  const isPending = async (): Promise<boolean> => {
    const row = await site.row(device);
    return Number(row.observed_generation) < Number(row.generation);
  };

  const isolations = () =>
    site.store.read.selectFrom('isolations').selectAll().where('device_id', '=', device).execute();

  /** Names of the exclusions that the history shows for the isolation that is active. */
  const used = async (mode: IsolationMode): Promise<string[] | undefined> => {
    const row = (await isolations()).find(({ ended_at: ended }) => ended === null);
    const settings = await site.deps.settings.read(site.store.read, row?.settings_hash ?? '');
    const manual = mode === IsolationMode.ISOLATION_MODE_MANUAL;
    return namesOf(manual ? settings.manualSettings : settings.automaticSettings);
  };

  const isolated = { state: IsolationState.ISOLATION_STATE_ISOLATED };
  const manually = { ...isolated, mode: IsolationMode.ISOLATION_MODE_MANUAL };

  it('gives manual isolation the defaults and no automatic isolation while nothing applies', () => {
    expect(desired().manualSettings?.exclusions).to.deep.equal(defaultExclusions());
    expect(desired().manualSettings?.releaseDelay).to.deep.equal(toDuration(8 * HOUR_MS));
    expect(desired().automaticSettings).to.equal(undefined);
  });

  it('brings a policy to automatic isolation alone and a task to manual isolation alone', async () => {
    await desk.policy('root', { settings: { exclusions: [only('of the policy')] } });
    await desk.task({ $case: 'groupId', value: 'root' }, { exclusions: [only('of the task')] });
    const state = await follow();
    expect(namesOf(state.automaticSettings)).to.deep.equal(['of the policy']);
    expect(namesOf(state.manualSettings)).to.deep.equal(['of the task']);
    expect(await isPending()).to.equal(false);
  });

  it('sends a policy that is edited while the device is pending as one newest state', async () => {
    const policy = await desk.policy('root');
    // The device does not answer: the edits pile up behind the first one.
    await until(() => desired().generation === 2n);
    await desk.editPolicy(policy.id, ['settings.exclusions'], { settings: { exclusions: [only('first')] } });
    await desk.editPolicy(policy.id, ['settings.exclusions'], { settings: { exclusions: [only('second')] } });
    expect(desired().generation).to.equal(2n);
    const state = await follow();
    expect(state.generation).to.equal(4n);
    expect(namesOf(state.automaticSettings)).to.deep.equal(['second']);
    expect(await isPending()).to.equal(false);
  });

  it('changes the settings of a manually isolated device with its task, and the isolation stays the same', async () => {
    const task = await desk.task({ $case: 'deviceId', value: 'web-1' });
    await follow({ state: IsolationState.ISOLATION_STATE_RELEASED, isolationId: '' });
    await site.order(device, 'isolate');
    const before = await follow(manually);
    await desk.editTask(task.id, ['settings.exclusions'], { exclusions: [only('for the analyst')] });
    const after = await follow(manually);
    expect(after.generation).to.equal(before.generation + 1n);
    expect(after.directive).to.deep.equal(before.directive);
    expect(namesOf(after.manualSettings)).to.deep.equal(['for the analyst']);
    expect(await used(IsolationMode.ISOLATION_MODE_MANUAL)).to.deep.equal(['for the analyst']);
    expect(await isolations()).to.have.length(1);
    expect(await isPending()).to.equal(false);
  });

  it('keeps the delay that an order set itself when the task gets another one', async () => {
    const task = await desk.task({ $case: 'groupId', value: 'root' });
    await site.order(device, 'isolate', { releaseDelayMs: HOUR_MS });
    await desk.editTask(task.id, ['settings.release_delay'], { releaseDelay: toDuration(2 * HOUR_MS) });
    const state = await follow(manually);
    expect(state.directive?.releaseDelay).to.deep.equal(toDuration(HOUR_MS));
    expect(state.manualSettings?.releaseDelay).to.deep.equal(toDuration(2 * HOUR_MS));
  });

  it('gives an isolated device that moves to another group the settings of that place', async () => {
    await desk.group('OT/line 1');
    await desk.task({ $case: 'groupId', value: 'OT' }, { exclusions: [only('of OT')] });
    await site.order(device, 'isolate');
    const before = await follow(manually);
    await desk.move('web-1', 'OT/line 1');
    const after = await follow(manually);
    expect(namesOf(after.manualSettings)).to.deep.equal(['of OT']);
    expect(after.directive).to.deep.equal(before.directive);
    expect(await used(IsolationMode.ISOLATION_MODE_MANUAL)).to.deep.equal(['of OT']);
    expect(await isPending()).to.equal(false);
  });

  it('leaves the record of an automatic isolation as it is when the policy goes', async () => {
    const policy = await desk.policy('root', { settings: { exclusions: [only('of the policy')] } });
    const isolationId = newId();
    const automatically = {
      ...isolated,
      mode: IsolationMode.ISOLATION_MODE_AUTOMATIC,
      isolationId,
      reason: 'rule 7',
      requestedBy: 'ioc-scan',
      enforcedAt: toTimestamp(site.clock.wall()),
    };
    await follow(automatically);
    await desk.removePolicy(policy.id);
    const state = await follow(automatically);
    expect(state.automaticSettings).to.equal(undefined);
    expect(await used(IsolationMode.ISOLATION_MODE_AUTOMATIC)).to.deep.equal(['of the policy']);
    expect(await isPending()).to.equal(false);

    // A later policy applies to it again.
    await desk.policy('root', { settings: { exclusions: [only('of the next')] } });
    await follow(automatically);
    expect(await used(IsolationMode.ISOLATION_MODE_AUTOMATIC)).to.deep.equal(['of the next']);
  });

  it('forgets a refusal when the settings that were refused are mended', async () => {
    const policy = await desk.policy('root');
    await until(() => desired().generation === 2n);
    answered = desired().nonce;
    await agent.refused(desired(), 'automatic_settings.exclusions[0]', 'is not for this platform');
    expect((await site.row(device)).rejection).to.contain('not for this platform');
    await desk.editPolicy(policy.id, ['automatic_isolation'], { automaticIsolation: false });
    expect((await site.row(device)).rejection).to.equal('');
    await follow();
    expect(await isPending()).to.equal(false);
  });

  it('tells a device nothing when a change makes no difference to it', async () => {
    const policy = await desk.policy('root');
    await follow();
    desk.told.length = 0;
    await desk.editPolicy(policy.id, ['display_name'], { displayName: 'renamed' });
    await desk.group('elsewhere');
    await desk.policy('elsewhere');
    expect(desk.told.flat()).to.deep.equal([]);
    expect(desired().generation).to.equal(2n);
  });

  it('switches an automatically isolated device to the settings of its task when an operator isolates it', async () => {
    await desk.policy('root', { settings: { exclusions: [only('of the policy')] } });
    await desk.task({ $case: 'groupId', value: 'root' }, { exclusions: [only('of the task')] });
    await follow({ ...isolated, mode: IsolationMode.ISOLATION_MODE_AUTOMATIC, isolationId: newId() });
    await site.order(device, 'isolate');
    const state = await follow(manually);
    expect(state.directive?.action).to.equal(IsolationAction.ISOLATION_ACTION_ISOLATE);
    expect(namesOf(state.manualSettings)).to.deep.equal(['of the task']);
    expect(await used(IsolationMode.ISOLATION_MODE_MANUAL)).to.deep.equal(['of the task']);
  });

  it('brings a connected device up to date by the sweep when the poke was lost', async () => {
    const deaf = new Desk(site);
    site.registry.pokeDesired = () => undefined;
    await deaf.policy('root');
    expect(desired().generation).to.equal(1n);
    site.clock.advance(5_000);
    await until(() => desired().generation === 2n);
    expect(desired().automaticSettings).not.to.equal(undefined);
  });
});
