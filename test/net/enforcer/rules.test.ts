import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import type { Plan } from '../../../agent/enforce/plan.js';
import { ExclusionDirection } from '../../../shared/gen/cordon/v1/exclusion.js';
import { requireNetAdmin } from '../site/index.js';
import { PORT, port, Scene, TCP } from './scene.js';

requireNetAdmin();

const { EXCLUSION_DIRECTION_OUTBOUND: OUT } = ExclusionDirection;

describe('nftables enforcer, with packets', () => {
  let scene: Scene;

  before(async () => {
    scene = await Scene.open();
  });
  beforeEach(() => scene.startAgent());
  afterEach(() => scene.endAgent());
  after(() => scene?.close());

  it('releases on time in the kernel when the agent is dead', async () => {
    const { inside, plan, site } = scene;
    const connect = async (): Promise<string> =>
      (await inside.call('tcpConnect', { address: site.outside.v4, port: PORT })).outcome;
    await scene.agent.apply(plan([], 1500));
    const lockedAt = Date.now();
    await scene.agent.kill();
    await sleep(1000);
    expect(await connect()).to.equal('refused');
    await sleep(Math.max(0, lockedAt + 1700 - Date.now()));
    expect(await connect()).to.equal('open');
    await scene.startAgent();
  });

  it('leaves nothing behind, and never touches tables and marks of others', async () => {
    const { agent, device, inside, plan, site } = scene;
    const foreign = [
      'table inet foreign {',
      '  chain marking { type filter hook output priority mangle; policy accept; ct mark set 0x0000abcd; }',
      '}',
    ].join('\n');
    expect((await device.exec('nft', ['-f', '-'], { input: foreign })).code).to.equal(0);
    const before = (await device.exec('nft', ['list', 'ruleset'])).stdout;
    await agent.apply(plan([{ direction: OUT, protocol: TCP, remotePorts: port(PORT) }]));
    await inside.call('hold', { address: site.outside.v4, port: PORT });
    expect((await device.exec('nft', ['list', 'ruleset'])).stdout).to.contain('table inet foreign');
    await agent.clear();
    await agent.clear();
    expect((await device.exec('nft', ['list', 'ruleset'])).stdout).to.equal(before);
    const marks = await device.exec('conntrack', ['-L', '-o', 'extended']);
    const values = [...marks.stdout.matchAll(/mark=(\d+)/g)].map(([, value]) => Number(value));
    expect(values).to.include(0xabcd);
    expect(values.every((value) => value === 0 || value === 0xabcd)).to.equal(true);
    await device.exec('nft', ['delete', 'table', 'inet', 'foreign']);
  });

  it('puts every table behind the one that it replaces, so that no packet falls between the two', async () => {
    const { device, plan } = scene;
    const priorities = async (): Promise<number[]> => {
      const { stdout } = await device.exec('nft', ['-nn', 'list', 'table', 'inet', 'cordon']);
      return [...stdout.matchAll(/priority (-?\d+);/g)].map(([, priority]) => Number(priority));
    };
    await scene.agent.apply(plan());
    expect(await priorities()).to.deep.equal([-99, -99]);
    await scene.agent.apply(plan([{ protocol: TCP, remotePorts: port(80) }]));
    expect(await priorities()).to.deep.equal([-98, -98]);
    await scene.agent.kill();
    await scene.startAgent();
    await scene.agent.apply(plan());
    expect(await priorities()).to.deep.equal([-97, -97]);
  });

  it('leaves the old rules in force when the kernel refuses the new ones', async () => {
    const { agent, inside, plan, site } = scene;
    const applied = await agent.apply(plan());
    const broken: Plan = { ...plan(), serverEndpoints: [{ address: '192.0.2.300', port: 1 }] };
    const failure = await agent.apply(broken).then(
      () => undefined,
      (error: Error) => error.message,
    );
    expect(failure).to.contain('EnforceError: nft refused the rules');
    expect((await agent.inspect(applied)).kind).to.equal('intact');
    expect((await inside.call('tcpConnect', { address: site.outside.v4, port: PORT })).outcome).to.equal(
      'refused',
    );
  });

  it('finds that it can work here', async () => {
    const { agent } = scene;
    expect(await agent.call('probe')).to.equal(null);
  });
});
