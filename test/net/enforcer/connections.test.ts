import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { ExclusionDirection } from '../../../shared/gen/cordon/v1/exclusion.js';
import { requireNetAdmin } from '../site/index.js';
import { SERVER_PORT } from './plan-for.js';
import { FAMILIES, PORT, port, Scene, TCP } from './scene.js';

requireNetAdmin();

const { EXCLUSION_DIRECTION_INBOUND: IN } = ExclusionDirection;

describe('nftables enforcer, with packets', () => {
  let scene: Scene;

  before(async () => {
    scene = await Scene.open();
  });
  beforeEach(() => scene.startAgent());
  afterEach(() => scene.endAgent());
  after(() => scene?.close());

  for (const family of FAMILIES) {
    describe(`over IP${family}`, () => {
      it('ends established connections on both ends within a second', async () => {
        const { agent, device, inside, outside, plan, site } = scene;
        const mine = await inside.call('hold', { address: site.outside[family], port: PORT });
        const theirs = await outside.call('hold', { address: device[family], port: PORT });
        const startedAt = Date.now();
        await agent.apply(plan());
        const { ended, remaining } = await agent.terminate(plan());
        expect(ended).to.be.at.least(2);
        expect(remaining).to.deep.equal([]);
        await sleep(300);
        const [here, there] = await Promise.all([inside.call('ends', {}), outside.call('ends', {})]);
        const since = [...here.ends, ...there.ends].filter(({ at }) => at >= startedAt);
        const seen = (side: string, tool: typeof here, ofPort: number): boolean =>
          tool.ends.some(
            (end) =>
              end.at >= startedAt &&
              end.side === side &&
              (side === 'held' ? end.id === ofPort : end.peerPort === ofPort),
          );
        expect(seen('held', here, mine.id), 'own connection, this end').to.equal(true);
        expect(seen('accepted', there, mine.localPort), 'own connection, other end').to.equal(true);
        expect(seen('held', there, theirs.id), 'their connection, their end').to.equal(true);
        expect(seen('accepted', here, theirs.localPort), 'their connection, this end').to.equal(true);
        expect(Math.max(...since.map(({ at }) => at - startedAt))).to.be.below(1000);
      });

      it('keeps the connection of the agent, and no other connection to the server', async () => {
        const { agent, inside, plan, site } = scene;
        await agent.call('dial', { address: site.server[family], port: SERVER_PORT });
        const other = await inside.call('hold', { address: site.server[family], port: SERVER_PORT });
        await agent.apply(plan());
        await agent.terminate(plan());
        await sleep(50);
        expect(await agent.call('speak')).to.equal(4);
        const { ends } = await inside.call('ends', {});
        expect(ends.some(({ side, id }) => side === 'held' && id === other.id)).to.equal(true);
        expect(
          (await inside.call('tcpConnect', { address: site.server[family], port: PORT })).outcome,
          'another port of the server',
        ).to.equal('refused');
      });
    });
  }

  it('keeps an excluded connection whose first packet after the lock comes from the other side', async () => {
    const { agent, device, outside, plan } = scene;
    const target = { address: device.v4, port: PORT, intervalMs: 2 };
    const stream = await outside.call('startStream', { ...target, protocol: 'tcp' });
    await sleep(50);
    await agent.apply(plan([{ direction: IN, protocol: TCP, localPorts: port(PORT) }]));
    await sleep(100);
    const { sent, answered } = await outside.call('stopStream', stream);
    expect(answered).to.equal(sent);
  });
});
