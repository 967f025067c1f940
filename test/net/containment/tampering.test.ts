import { expect } from 'chai';
import type { Flows } from '../fleet/flows.js';
import { requireNetAdmin } from '../site/index.js';
import { openScene, rulesOf, sleep, startTraffic, untilAllCross, type Scene } from './scene.js';

requireNetAdmin();

const RESTORED_WITHIN_MS = 1_000;

/** What somebody with the rights to change rules may do, as arguments of nft. */
const TAMPERINGS: readonly string[] = [
  'flush chain inet cordon tcp_out',
  'flush chain inet cordon output',
  'insert rule inet cordon verdict_in accept',
  'delete element inet cordon hold { ipv6 }',
  'add table inet cordon { flags dormant; }',
  'delete table inet cordon',
  'flush ruleset',
];

describe('containment: tampering', function () {
  this.timeout(60_000);
  let scene: Scene;
  let intact: string;

  before(async () => {
    scene = await openScene();
    await scene.isolate();
    intact = await rulesOf(scene.device);
  });
  after(() => scene.close());

  const tamper = async (command: string): Promise<void> => {
    const { code, stderr } = await scene.device.exec('nft', [command]);
    expect(code, `${command}: ${stderr}`).to.equal(0);
  };
  const records = async (): Promise<readonly { readonly detailsJson: string }[]> => {
    const { fleet, device } = scene;
    const listed = await fleet.json<{ records?: { detailsJson: string }[] }>(
      ...['audit', 'list', '--device', device.name, '--action', 'device.tamper'],
    );
    return listed.records ?? [];
  };

  /** Changes in quick succession may be one incident: each waits until the agent is done with the one before. */
  const untilRecorded = async (incidents: number): Promise<void> => {
    const { fleet, device } = scene;
    const deadline = performance.now() + 5_000;
    while (fleet.log(device.name).split('somebody changed the rules').length - 1 < incidents) {
      expect(performance.now(), 'the agent recorded nothing').to.be.below(deadline);
      await sleep(10);
    }
  };

  for (const [index, command] of TAMPERINGS.entries()) {
    it(`is put right within a second: ${command}`, async () => {
      await tamper(command);
      const startedAt = performance.now();
      while ((await rulesOf(scene.device)) !== intact) {
        const elapsed = performance.now() - startedAt;
        expect(elapsed, 'not restored').to.be.below(RESTORED_WITHIN_MS);
        await sleep(10);
      }
      await untilRecorded(index + 1);
    });
  }

  it('is on record for each, as restored', async () => {
    const deadline = performance.now() + 5_000;
    let seen = await records();
    while (seen.length < TAMPERINGS.length && performance.now() < deadline) {
      await sleep(100);
      seen = await records();
    }
    expect(seen).to.have.length(TAMPERINGS.length);
    for (const { detailsJson } of seen) {
      expect(JSON.parse(detailsJson)).to.include({ restored: true });
    }
  });

  it('is put right by the next agent when it happened while there was none', async () => {
    const { fleet, device } = scene;
    await fleet.kill(device.name);
    await tamper('flush ruleset');
    const flows: Flows = await startTraffic(scene);
    expect(await untilAllCross(flows), 'control: nothing held these flows back').to.deep.equal([]);
    await fleet.startAgent(device);
    await fleet.untilCurrent(device.name);
    while (!(await rulesOf(device)).includes('table inet cordon')) await sleep(20);
    const atRestored = await flows.crossed();
    await sleep(500);
    expect(Object.fromEntries(await flows.crossed())).to.deep.equal(Object.fromEntries(atRestored));
    await flows.stop();
    expect(await rulesOf(device)).to.equal(intact);
  });
});
