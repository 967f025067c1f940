import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { ExclusionDirection } from '../../../shared/gen/cordon/v1/exclusion.js';
import { canMakeCgroups, countPackets, itNeeding, makeCgroup, requireNetAdmin } from '../site/index.js';
import { FAMILIES, OTHER_PORT, PORT, port, Scene, TCP, UDP } from './scene.js';

requireNetAdmin();

const { EXCLUSION_DIRECTION_INBOUND: IN, EXCLUSION_DIRECTION_OUTBOUND: OUT } = ExclusionDirection;

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
      it('lets excluded flows and their answers pass, and nothing beside them', async () => {
        const { agent, device, plan, site } = scene;
        const { connectOut, connectIn, udpOut, udpIn } = scene.over(family);
        const here = [device[family]];
        const there = [site.outside[family]];
        await agent.apply(
          plan([
            { direction: OUT, protocol: TCP, remoteAddresses: there, remotePorts: port(PORT) },
            { direction: OUT, protocol: UDP, remotePorts: port(PORT) },
            { direction: IN, protocol: TCP, localAddresses: here, localPorts: port(OTHER_PORT) },
            { direction: IN, protocol: UDP, localPorts: port(OTHER_PORT), remoteAddresses: there },
          ]),
        );
        expect(
          await Promise.all([connectOut(), udpOut(), connectIn(OTHER_PORT), udpIn(OTHER_PORT)]),
        ).to.deep.equal(['open', true, 'open', true]);
        expect(
          await Promise.all([connectOut(OTHER_PORT), udpOut(OTHER_PORT), connectIn(), udpIn()]),
        ).to.deep.equal(['refused', false, 'refused', false]);
      });

      it('does not take an excluded source port for an answer', async () => {
        const { agent, plan, site } = scene;
        const { connectOut, connectIn, udpOut, udpIn } = scene.over(family);
        await agent.apply(plan([{ direction: OUT, remoteAddresses: [site.outside[family]] }]));
        expect(await connectIn()).to.equal('refused');
        expect(await udpIn()).to.equal(false);
        expect([await connectOut(), await udpOut()], 'control').to.deep.equal(['open', true]);
      });

      it('cuts what a live change takes away, and does not disturb what it keeps', async () => {
        const { agent, device, inside, plan, site } = scene;
        const keep = { direction: OUT, protocol: TCP, remotePorts: port(PORT) };
        const take = { direction: OUT, protocol: UDP, remotePorts: port(OTHER_PORT) };
        await agent.apply(plan([keep, take]));
        const counters = await countPackets(site.outside, {
          taken: `${family === 'v4' ? 'ip' : 'ip6'} saddr ${device[family]} udp dport ${OTHER_PORT}`,
        });
        const address = site.outside[family];
        const kept = await inside.call('startStream', {
          address,
          port: PORT,
          protocol: 'tcp',
          intervalMs: 2,
        });
        const gone = await inside.call('startStream', {
          address,
          port: OTHER_PORT,
          protocol: 'udp',
          intervalMs: 2,
        });
        await sleep(200);
        for (let change = 0; change < 5; change += 1) {
          await agent.apply(plan([keep, { ...keep, remotePorts: port(6000 + change) }]));
        }
        const atChange = (await counters.read()).get('taken') ?? 0;
        await sleep(200);
        expect(atChange, 'control').to.be.above(20);
        expect((await counters.read()).get('taken')).to.equal(atChange);
        const report = await inside.call('stopStream', kept);
        await inside.call('stopStream', gone);
        await counters.remove();
        expect(report.answered).to.equal(report.sent);
      });
    });
  }

  itNeeding(
    { met: canMakeCgroups(), why: 'making control groups needs root and a writable cgroup2' },
    'lets a program pass by its cgroup, TCP and UDP, and no other program',
    async () => {
      const { agent, device, inside, plan, site } = scene;
      const group = makeCgroup();
      const { unsupported } = await agent.apply(
        plan([{ direction: OUT, application: { target: { $case: 'cgroup', value: group.name } } }]),
      );
      expect(unsupported).to.deep.equal([]);
      const member = await device.toolsInCgroup(group.folder);
      for (const address of [site.outside.v4, site.outside.v6]) {
        const target = { address, port: PORT, timeoutMs: 500 };
        expect((await member.call('tcpConnect', target)).outcome).to.equal('open');
        expect((await member.call('udpExchange', target)).answered).to.equal(true);
        expect((await inside.call('tcpConnect', target)).outcome).to.equal('refused');
        expect((await inside.call('udpExchange', target)).answered).to.equal(false);
      }
      await member.close();
      await agent.clear();
      group.remove();
    },
  );
});
