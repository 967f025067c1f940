import { expect } from 'chai';
import { openScene, reachedPorts, rulesOf, type Scene } from '../containment/scene.js';
import { requireNetAdmin } from '../site/index.js';

requireNetAdmin();

const POLICY_PORT = 5101;
const TASK_PORT = 5102;
const DETECTOR = 'edr';

interface History {
  readonly isolations: readonly {
    readonly mode: string;
    readonly requestedBy: string;
    readonly endCause: string;
    readonly endedAt?: string;
    readonly exclusions: readonly { readonly name: string }[];
  }[];
}

/** Exclusion that lets the device reach one port of the other side. */
const outbound = (name: string, port: number): object => ({
  name,
  direction: 'outbound',
  protocol: 'tcp',
  remote_ports: [port],
});

describe('modes: manual isolation uses the task alone, automatic isolation the policy alone', function () {
  this.timeout(90_000);
  let scene: Scene;

  before(async () => {
    scene = await openScene();
    const { fleet, device, beyond } = scene;
    for (const port of [POLICY_PORT, TASK_PORT]) await beyond.call('echo', { port });
    await applyPolicy([outbound('policy only', POLICY_PORT)]);
    const exclusions = [outbound('task only', TASK_PORT)];
    await fleet.apply('task', { device: device.name, release_delay: '3h', exclusions });
    await fleet.untilCurrent(device.name);
  });
  after(() => scene.close());

  function applyPolicy(exclusions: readonly object[], automatic = true): Promise<void> {
    return scene.fleet.apply('policy', {
      name: 'all devices',
      group: 'root',
      automatic_isolation: automatic,
      release_delay: '2h',
      trusted_detectors: [DETECTOR],
      exclusions,
    });
  }

  const agent = (...args: readonly string[]): ReturnType<Scene['fleet']['atDevice']> =>
    scene.fleet.atDevice(scene.device, args);

  const detect = (): ReturnType<typeof agent> =>
    agent('report-detection', '--source', DETECTOR, '--rule', 'rule-1');

  const reached = (): Promise<Record<string, number[]>> => reachedPorts(scene, [POLICY_PORT, TASK_PORT]);
  const both = (ports: number[]): Record<string, number[]> => ({ v4: ports, v6: ports });
  const untilObserved = async (state: string): Promise<void> => {
    const deadline = Date.now() + 15_000;
    for (;;) {
      const { observed } = await scene.fleet.untilCurrent(scene.device.name);
      if (observed?.state === state) return;
      if (Date.now() > deadline) throw new Error(`the device is ${observed?.state}, not ${state}`);
    }
  };
  const history = (): Promise<History> =>
    scene.fleet.json<History>('isolations', 'list', '--device', scene.device.name);

  it('reaches both ports before (control)', async () => {
    expect(await reached()).to.deep.equal(both([POLICY_PORT, TASK_PORT]));
  });

  it('in manual mode lets pass what the task excludes and blocks what the policy excludes', async () => {
    await scene.isolate();
    expect(await reached()).to.deep.equal(both([TASK_PORT]));
  });

  it('is not changed by a policy while isolated by hand, whatever the policy says', async () => {
    const before = await rulesOf(scene.device);
    await applyPolicy([outbound('policy only', POLICY_PORT), outbound('more', 5103)]);
    await scene.fleet.untilCurrent(scene.device.name);
    expect(await rulesOf(scene.device)).to.equal(before);
    expect(await reached()).to.deep.equal(both([TASK_PORT]));
  });

  it('records a detection on a device that is isolated by hand, and changes nothing else', async () => {
    const before = await rulesOf(scene.device);
    expect((await detect()).stdout).to.match(/no isolation/);
    expect(await rulesOf(scene.device)).to.equal(before);
    await scene.release();
    expect(await reached()).to.deep.equal(both([POLICY_PORT, TASK_PORT]));
  });

  it('in automatic mode lets pass what the policy excludes and blocks what the task excludes', async () => {
    const { code, stdout } = await detect();
    expect(code, stdout).to.equal(0);
    expect(await reached()).to.deep.equal(both([POLICY_PORT]));
    await untilObserved('ISOLATION_STATE_ISOLATED');
  });

  it('takes over a change of the policy while isolated automatically', async () => {
    await applyPolicy([]);
    await scene.fleet.untilCurrent(scene.device.name);
    expect(await reached()).to.deep.equal(both([]));
  });

  it('keeps an automatic isolation as it is when the policy switches automatic isolation off', async () => {
    const before = await rulesOf(scene.device);
    await applyPolicy([outbound('policy only', POLICY_PORT)], false);
    await scene.fleet.untilCurrent(scene.device.name);
    expect(await rulesOf(scene.device)).to.equal(before);
  });

  it('switches an automatic isolation to the settings of the task when an operator isolates', async () => {
    await scene.isolate();
    expect(await reached()).to.deep.equal(both([TASK_PORT]));
  });

  it('ends whichever mode is active with one release', async () => {
    await scene.release();
    expect(await reached()).to.deep.equal(both([POLICY_PORT, TASK_PORT]));
  });

  it('does not isolate on a detection where the policy has automatic isolation off', async () => {
    const { stdout } = await detect();
    expect(stdout).to.match(/no isolation/);
    expect(await reached()).to.deep.equal(both([POLICY_PORT, TASK_PORT]));
  });

  it('isolates on a detection while the server is away, and tells it afterwards, once', async () => {
    await applyPolicy([outbound('policy only', POLICY_PORT)]);
    await scene.fleet.untilCurrent(scene.device.name);
    await scene.fleet.kill('server');
    await detect();
    expect(await reached()).to.deep.equal(both([POLICY_PORT]));
    await scene.fleet.startServer();
    await untilObserved('ISOLATION_STATE_ISOLATED');
    const { isolations } = await history();
    const [last, ...earlier] = isolations;
    expect(last).to.include({ mode: 'ISOLATION_MODE_AUTOMATIC', requestedBy: DETECTOR });
    expect(last?.exclusions.map(({ name }) => name)).to.deep.equal(['policy only']);
    expect(earlier.filter(({ endedAt }) => endedAt === undefined)).to.deep.equal([]);
    expect(isolations.map(({ mode }) => mode.replace('ISOLATION_MODE_', ''))).to.deep.equal([
      'AUTOMATIC',
      'MANUAL',
      'AUTOMATIC',
      'MANUAL',
    ]);
  });

  it('is released at the device by the local command line, and the server hears who did it', async () => {
    expect((await agent('isolation', '/disable')).code).to.equal(0);
    expect((await agent('isolation', '/disable')).code).to.equal(9);
    expect(await reached()).to.deep.equal(both([POLICY_PORT, TASK_PORT]));
    await untilObserved('ISOLATION_STATE_RELEASED');
    const [last] = (await history()).isolations;
    expect(last?.endCause).to.equal('ISOLATION_END_CAUSE_LOCAL');
  });
});
