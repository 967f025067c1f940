import { expect } from 'chai';
import type { Flows } from '../fleet/flows.js';
import { requireNetAdmin } from '../site/index.js';
import { openScene, rulesOf, sleep, startTraffic, untilAllCross, type Scene } from './scene.js';

requireNetAdmin();

const FOREIGN = [
  'table inet foreign {',
  '  chain marking { type filter hook output priority mangle; policy accept; ct mark set 0x0000abcd; }',
  '}',
].join('\n');

describe('containment: no packet crosses between "enforced" and "released"', function () {
  this.timeout(60_000);
  let scene: Scene;
  let flows: Flows;
  let rulesBefore: string;
  let atEnforced: ReadonlyMap<string, number>;

  before(async () => {
    scene = await openScene();
    await scene.device.exec('nft', ['-f', '-'], { input: FOREIGN });
    flows = await startTraffic(scene);
    rulesBefore = await rulesOf(scene.device);
  });
  after(() => scene.close());

  /** Both IP versions, both protocols, both ways: nothing since the device was enforced, although all of them try. */
  const expectNothingCrossed = async (): Promise<void> => {
    expect(Object.fromEntries(await flows.crossed())).to.deep.equal(Object.fromEntries(atEnforced));
  };
  const dead = async (signal: NodeJS.Signals): Promise<void> => {
    const { fleet, device } = scene;
    await fleet.kill(device.name, signal);
    await sleep(2_000);
  };
  const alive = async (): Promise<void> => {
    const { fleet, device } = scene;
    await fleet.startAgent(device);
    await fleet.untilCurrent(device.name);
  };

  it('lets every flow cross before (control), and none once the device is enforced', async () => {
    expect(await untilAllCross(flows), 'flows that cannot cross').to.deep.equal([]);
    await scene.isolate();
    atEnforced = await flows.crossed();
    expect([...atEnforced.values()].every((packets) => packets > 0)).to.equal(true);
    await sleep(500);
    await expectNothingCrossed();
  });

  it('holds through kill -9 of the agent, 2 s without it, and its restart', async () => {
    await dead('SIGKILL');
    await expectNothingCrossed();
    await alive();
    await expectNothingCrossed();
  });

  it('holds through an orderly stop of the agent and its start', async () => {
    await dead('SIGTERM');
    await expectNothingCrossed();
    await alive();
    await expectNothingCrossed();
  });

  it('holds through a second order with another reason and another delay', async () => {
    const { fleet, device } = scene;
    const before = await fleet.untilCurrent(device.name);
    await fleet.cli('isolate', device.name, '--reason', 'another reason', '--for', '2h', '--wait');
    const after = await fleet.untilCurrent(device.name);
    expect(Number(after.generation)).to.be.above(Number(before.generation));
    expect(after.observed?.isolationId).not.to.equal(before.observed?.isolationId);
    await expectNothingCrossed();
  });

  it('holds through kill -9 of the server and its restart', async () => {
    const { fleet, device } = scene;
    await fleet.kill('server');
    await sleep(500);
    await expectNothingCrossed();
    await fleet.startServer();
    const { observed } = await fleet.untilCurrent(device.name, 30_000);
    expect(observed?.state).to.equal('ISOLATION_STATE_ISOLATED');
    await expectNothingCrossed();
  });

  it('lets every flow cross again after the release, and leaves the rules of others as they were', async () => {
    expect(await rulesOf(scene.device), 'control').to.contain('table inet cordon');
    await expectNothingCrossed();
    await scene.release();
    expect(await untilAllCross(flows), 'flows that cannot cross').to.deep.equal([]);
    expect(await rulesOf(scene.device)).to.equal(rulesBefore);
    await flows.stop();
  });
});
