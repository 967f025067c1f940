import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { newId } from '../../../shared/ids.js';
import { FAMILIES, openScene, rulesOf, type Scene } from '../containment/scene.js';
import { requireNetAdmin } from '../site/index.js';
import { RulesWatch } from './rules-watch.js';

requireNetAdmin();

const ORDER_PROGRAM = fileURLToPath(new URL('./order-program.js', import.meta.url));
const DETECTOR = 'edr';
/** Ports of the other side; each is excluded by one of the settings. */
const ROOT_TASK = 5101;
const ROOT_POLICY = 5102;
const OT_TASK = 5103;
const OT_POLICY = 5104;
const EDITED = 5105;
const PORTS = [ROOT_TASK, ROOT_POLICY, OT_TASK, OT_POLICY, EDITED];

interface Isolation {
  readonly id: string;
  readonly mode: string;
  readonly endCause: string;
  readonly endedAt?: string;
  readonly deliveredAt?: string;
  readonly exclusions: readonly { readonly name: string }[];
}

/** What the page on operations says in "Orders that meet", on a real device: states, packets and swaps of its rules. */
describe('orders that meet, on a real device', function () {
  this.timeout(90_000);
  let scene: Scene;
  let watch: RulesWatch;

  before(async () => {
    scene = await openScene();
    const { fleet, device, beyond } = scene;
    for (const port of PORTS) await beyond.call('echo', { port });
    await fleet.cli('group', 'create', 'OT');
    await task('root', ROOT_TASK);
    await policy('root', ROOT_POLICY);
    await task('OT', OT_TASK);
    await policy('OT', OT_POLICY);
    await fleet.untilCurrent(device.name);
    watch = await RulesWatch.start(device);
  });
  after(async () => {
    watch?.stop();
    await scene?.close();
  });

  const passes = (...ports: readonly number[]): object[] =>
    ports.map((port) => ({
      name: `port ${port}`,
      direction: 'outbound',
      protocol: 'tcp',
      remote_ports: [port],
    }));
  const task = (group: string, ...ports: readonly number[]): Promise<void> =>
    scene.fleet.apply('task', { group, release_delay: '3h', exclusions: passes(...ports) });
  const policy = (group: string, ...ports: readonly number[]): Promise<void> =>
    scene.fleet.apply('policy', {
      name: `policy of ${group}`,
      group,
      automatic_isolation: true,
      trusted_detectors: [DETECTOR],
      exclusions: passes(...ports),
    });

  /** Not pending: connected, and what it reported is what the server wants now. */
  const current = (): ReturnType<Scene['fleet']['untilCurrent']> =>
    scene.fleet.untilCurrent(scene.device.name);
  const history = async (): Promise<readonly Isolation[]> => {
    const listed = await scene.fleet.json<{ isolations?: Isolation[] }>(
      ...['isolations', 'list', '--device', scene.device.name],
    );
    return listed.isolations ?? [];
  };
  const generation = async (): Promise<number> => Number((await current()).generation);

  /** The device reaches these ports of the other side and no other, over both IP versions. */
  async function expectReached(...expected: readonly number[]): Promise<void> {
    for (const family of FAMILIES) {
      const address = scene.outside[family];
      const outcomes = await Promise.all(
        PORTS.map((port) => scene.inside.call('tcpConnect', { address, port })),
      );
      const open = PORTS.filter((_, index) => outcomes[index]?.outcome === 'open');
      expect(open, `over IP${family}`).to.deep.equal(expected);
    }
  }

  it('one isolation and one swap come of the same isolate with the same request id, twice', async () => {
    const { fleet, device } = scene;
    await expectReached(...PORTS);
    const requestId = newId();
    const answers: string[] = [];
    const once = async (): Promise<void> => {
      const { code, stdout, stderr } = await fleet.asOperator(ORDER_PROGRAM, [device.name, requestId]);
      expect(code, stderr).to.equal(0);
      answers.push(stdout);
      expect((await current()).observed?.state).to.equal('ISOLATION_STATE_ISOLATED');
    };
    expect(await watch.during(once), 'swaps by the first').to.be.above(0);
    expect(await watch.during(once), 'swaps by the second').to.equal(0);
    expect(answers[1]).to.equal(answers[0]);
    expect(await history()).to.have.length(1);
    await expectReached(ROOT_TASK);
  });

  it('isolate while isolated is one swap; the first isolation ends as replaced, the second is in force', async () => {
    const [first] = await history();
    expect(await watch.during(() => scene.isolate())).to.equal(1);
    const { observed } = await current();
    const [second, ...earlier] = await history();
    expect(observed).to.include({ state: 'ISOLATION_STATE_ISOLATED', isolationId: second?.id });
    expect(second).not.to.have.property('endedAt');
    expect(earlier).to.have.length(1);
    expect(earlier[0]).to.include({ id: first?.id, endCause: 'ISOLATION_END_CAUSE_REPLACED' });
    await expectReached(ROOT_TASK);
  });

  it('release while released leaves kernel and generation alone, and is not pending', async () => {
    const { fleet, device } = scene;
    expect(await watch.during(() => scene.release()), 'control: a release changes the rules').to.be.above(0);
    const [before, rules] = [await generation(), await rulesOf(device)];
    expect(await watch.during(() => scene.release())).to.equal(0);
    expect(await generation()).to.equal(before);
    expect(await rulesOf(device)).to.equal(rules);
    const { records } = await fleet.json<{ records: unknown[] }>(
      ...['audit', 'list', '--device', device.name, '--action', 'isolation.release'],
    );
    expect(records, 'both are on record').to.have.length(2);
    await expectReached(...PORTS);
  });

  it('an edit of task and policy while an order waits is in force with the order, in one swap', async () => {
    const { fleet, device } = scene;
    await fleet.kill(device.name, 'SIGTERM');
    await fleet.cli('isolate', device.name, '--reason', 'while it is away');
    await task('root', ROOT_TASK, EDITED);
    await policy('root', ROOT_POLICY, EDITED);
    const pending = await fleet.json<{ generation: string; observedGeneration: string }>(
      ...['devices', 'show', device.name],
    );
    expect(Number(pending.generation), 'control: pending').to.be.above(Number(pending.observedGeneration));
    const swaps = await watch.during(async () => {
      await fleet.startAgent(device);
      expect((await current()).observed?.state).to.equal('ISOLATION_STATE_ISOLATED');
    });
    expect(swaps).to.equal(1);
    const [last, ...earlier] = await history();
    expect(earlier).to.have.length(2);
    expect(last?.exclusions.map(({ name }) => name)).to.deep.equal([`port ${ROOT_TASK}`, `port ${EDITED}`]);
    await expectReached(ROOT_TASK, EDITED);
  });

  it('a move to another group while isolated brings the exclusions of its task into force in one swap, in the same isolation', async () => {
    const { fleet, device } = scene;
    const [before] = await history();
    const swaps = await watch.during(async () => {
      await fleet.cli('devices', 'move', device.name, '--to', 'OT');
      await current();
    });
    expect(swaps).to.equal(1);
    expect((await current()).observed?.isolationId).to.equal(before?.id);
    await expectReached(OT_TASK);
    const after = await history();
    expect(after).to.have.length(3);
    expect(after[0]).to.include({ id: before?.id }).and.not.to.have.property('endedAt');
    expect(after[0]?.exclusions.map(({ name }) => name)).to.deep.equal([`port ${OT_TASK}`]);
  });

  it('the same with an automatic isolation and the policy of the new group', async () => {
    const { fleet, device } = scene;
    await scene.release();
    const { stdout } = await fleet.atDevice(device, [
      'report-detection',
      '--source',
      DETECTOR,
      '--rule',
      'r1',
    ]);
    const id = /isolated: (\S+)/.exec(stdout)?.[1];
    await expectReached(OT_POLICY);
    const swaps = await watch.during(async () => {
      await fleet.cli('devices', 'move', device.name, '--to', 'root');
      await current();
    });
    expect(swaps).to.equal(1);
    expect((await current()).observed?.isolationId).to.equal(id);
    await expectReached(ROOT_POLICY, EDITED);
    const [last, ...earlier] = await history();
    expect(last).to.include({ id }).and.not.to.have.property('endedAt');
    expect(earlier).to.have.length(3);
  });

  it('a release by an operator ends an automatic isolation', async () => {
    await expectReached(ROOT_POLICY, EDITED);
    await scene.release();
    await expectReached(...PORTS);
    expect((await history())[0]).to.include({
      mode: 'ISOLATION_MODE_AUTOMATIC',
      endCause: 'ISOLATION_END_CAUSE_OPERATOR',
    });
  });

  it('isolate, then release, before delivery never touches the rules, and nothing is pending', async () => {
    const { fleet, device } = scene;
    await fleet.kill(device.name, 'SIGTERM');
    const swaps = await watch.during(async () => {
      await fleet.cli('isolate', device.name, '--reason', 'by mistake');
      await fleet.cli('release', device.name, '--reason', 'it was one');
      await fleet.startAgent(device);
      expect((await current()).observed?.state).to.equal('ISOLATION_STATE_RELEASED');
    });
    expect(swaps).to.equal(0);
    const [last] = await history();
    expect(last)
      .to.include({ endCause: 'ISOLATION_END_CAUSE_OPERATOR' })
      .and.not.to.have.property('deliveredAt');
    await expectReached(...PORTS);
  });
});
