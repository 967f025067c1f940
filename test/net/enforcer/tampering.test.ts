import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { requireNetAdmin } from '../site/index.js';
import { port, Scene, TCP } from './scene.js';

requireNetAdmin();

describe('nftables enforcer, with packets', () => {
  let scene: Scene;

  before(async () => {
    scene = await Scene.open();
  });
  beforeEach(() => scene.startAgent());
  afterEach(() => scene.endAgent());
  after(() => scene?.close());

  it('notices within a second what others change, and stays silent about its own changes', async () => {
    const { agent, device, plan } = scene;
    await agent.apply(plan());
    await agent.call('startWatch');
    await sleep(200);
    await agent.apply(plan([{ protocol: TCP, remotePorts: port(80) }]));
    await sleep(200);
    expect(await agent.disturbances()).to.deep.equal([]);
    const tampering = [
      'flush chain inet cordon tcp_out',
      'add rule inet cordon verdict_in accept',
      'delete element inet cordon hold { ipv6 }',
      'add table inet cordon { flags dormant; }',
      'flush ruleset',
    ];
    for (const command of tampering) {
      await agent.apply(plan());
      await sleep(100);
      await agent.disturbances();
      expect((await device.exec('nft', [command])).code, command).to.equal(0);
      const changedAt = Date.now();
      let seen: { at: number }[] = [];
      while (seen.length === 0 && Date.now() - changedAt < 1000) {
        await sleep(20);
        seen = await agent.disturbances();
      }
      expect(seen.length, command).to.be.above(0);
    }
    await agent.call('stopWatch');
  });

  it('recognises its rules after a restart, and notices what was changed meanwhile', async () => {
    const { device, plan } = scene;
    const applied = await scene.agent.apply(plan([], 60_000));
    await scene.agent.kill();
    await scene.startAgent();
    const intact = await scene.agent.inspect(applied);
    expect(intact.kind).to.equal('intact');
    expect(intact.holdsForMs).to.be.within(50_000, 60_000);
    expect((await scene.agent.inspect()).kind, 'nothing persisted').to.equal('altered');
    await device.exec('nft', [
      'insert',
      'rule',
      'inet',
      'cordon',
      'verdict_out',
      'tcp',
      'dport',
      '80',
      'accept',
    ]);
    expect((await scene.agent.inspect(applied)).kind).to.equal('altered');
    await device.exec('nft', ['delete', 'table', 'inet', 'cordon']);
    expect((await scene.agent.inspect(applied)).kind).to.equal('absent');
  });
});
