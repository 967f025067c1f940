import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { countPackets, requireNetAdmin, type Host } from '../site/index.js';
import { FAMILIES, PORT, Scene } from './scene.js';

requireNetAdmin();

/** Nothing listens here. */
const CLOSED_PORT = 5999;

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
      it('blocks new TCP and UDP both ways, tells both sides at once, and lets them pass again afterwards', async () => {
        const { agent, plan } = scene;
        const { connectOut, connectIn, udpOut, udpIn } = scene.over(family);
        const all = (): Promise<unknown[]> => Promise.all([connectOut(), connectIn(), udpOut(), udpIn()]);
        expect(await all()).to.deep.equal(['open', 'open', true, true]);
        await agent.apply(plan());
        expect(await all()).to.deep.equal(['refused', 'refused', false, false]);
        await agent.clear();
        expect(await all()).to.deep.equal(['open', 'open', true, true]);
      });

      it('answers pings and sends none', async () => {
        const { agent, device, plan, site } = scene;
        const ping = (from: Host, to: string): Promise<{ code: number }> =>
          from.exec('ping', ['-c', '1', '-W', '1', to]);
        await agent.apply(plan());
        expect((await ping(site.outside, device[family])).code).to.equal(0);
        expect((await ping(device, site.outside[family])).code).not.to.equal(0);
        await agent.clear();
        expect((await ping(device, site.outside[family])).code, 'control').to.equal(0);
      });

      it('answers a closed port with a reset', async () => {
        const { agent, device, outside, plan } = scene;
        await agent.apply(plan());
        const { outcome, ms } = await outside.call('tcpConnect', {
          address: device[family],
          port: CLOSED_PORT,
        });
        expect(outcome).to.equal('refused');
        expect(ms).to.be.below(500);
      });

      it('finds its neighbours and is found', async () => {
        const { agent, device, plan, site } = scene;
        await agent.apply(plan());
        await Promise.all([device, site.outside].map((host) => host.exec('ip', ['neigh', 'flush', 'all'])));
        expect((await site.outside.exec('ping', ['-c', '1', '-W', '1', device[family]])).code).to.equal(0);
      });

      it('leaves loopback alone, also between own addresses', async () => {
        const { agent, device, inside, plan } = scene;
        await agent.apply(plan());
        for (const address of [family === 'v4' ? '127.0.0.1' : '::1', device[family]]) {
          expect((await inside.call('tcpConnect', { address, port: PORT })).outcome).to.equal('open');
          expect((await inside.call('udpExchange', { address, port: PORT })).answered).to.equal(true);
        }
      });

      it('blocks what a translated own address leads out of this computer, and not what it leads back in', async () => {
        const { agent, device, inside, plan, site } = scene;
        // Published ports of containers and NodePorts are made like this: such a packet still counts as going to "lo".
        const ip = family === 'v4' ? 'ip' : 'ip6';
        const quoted = (address: string): string => (family === 'v4' ? address : `[${address}]`);
        const own = device[family];
        const rules = [
          `table ${ip} translating {`,
          '  chain output { type nat hook output priority -100; policy accept;',
          `    ${ip} daddr ${own} udp dport 6001 dnat to ${quoted(site.outside[family])}:${PORT}`,
          `    ${ip} daddr ${own} tcp dport 6001 dnat to ${quoted(site.outside[family])}:${PORT}`,
          `    ${ip} daddr ${own} udp dport 6002 dnat to ${quoted(own)}:${PORT}`,
          '  }',
          '}',
        ].join('\n');
        expect((await device.exec('nft', ['-f', '-'], { input: rules })).code).to.equal(0);
        const counters = await countPackets(site.outside, {
          datagrams: `${ip} saddr ${own} udp dport ${PORT}`,
          openings: `${ip} saddr ${own} tcp dport ${PORT} tcp flags syn`,
        });
        const send = async (): Promise<readonly (number | boolean | undefined)[]> => {
          const before = await counters.read();
          await inside.call('udpExchange', { address: own, port: 6001, timeoutMs: 200 });
          await inside.call('tcpConnect', { address: own, port: 6001, timeoutMs: 200 });
          const back = await inside.call('udpExchange', { address: own, port: 6002, timeoutMs: 200 });
          const after = await counters.read();
          const grown = (name: string): number => (after.get(name) ?? 0) - (before.get(name) ?? 0);
          return [grown('datagrams') > 0, grown('openings') > 0, back.answered];
        };
        try {
          expect(await send(), 'control').to.deep.equal([true, true, true]);
          await agent.apply(plan());
          expect(await send()).to.deep.equal([false, false, true]);
        } finally {
          await counters.remove();
          await device.exec('nft', ['delete', 'table', ip, 'translating']);
        }
      });

      it('leaves forwarded traffic alone, also what was under way', async () => {
        const { agent, outside, plan, site } = scene;
        const address = site.routed?.[family] ?? '';
        const target = { address, port: PORT, intervalMs: 5 };
        const stream = await outside.call('startStream', { ...target, protocol: 'tcp' });
        await sleep(100);
        await agent.apply(plan());
        await agent.terminate(plan());
        expect((await outside.call('tcpConnect', { address, port: PORT })).outcome).to.equal('open');
        expect((await outside.call('udpExchange', { address, port: PORT })).answered).to.equal(true);
        await sleep(100);
        const { sent, answered } = await outside.call('stopStream', stream);
        expect(answered).to.equal(sent);
      });
    });
  }
});
