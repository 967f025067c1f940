import { expect } from 'chai';
import { compilePlan, type Plan } from '../../agent/enforce/plan.js';
import { ExclusionDirection, type Exclusion } from '../../shared/gen/cordon/v1/exclusion.js';
import { IsolationSettings } from '../../shared/gen/cordon/v1/isolation.js';
import { DeviceAgent } from './device-agent.js';
import {
  canMakeCgroups,
  countPackets,
  makeCgroup,
  createSite,
  itNeeding,
  requireNetAdmin,
  type Host,
  type Site,
  type Toolbox,
} from './site/index.js';

requireNetAdmin();

const PORT = 5001;
const OTHER_PORT = 5002;
const SERVER_PORT = 7443;
const CLOSED_PORT = 5999;
const { EXCLUSION_DIRECTION_INBOUND: IN, EXCLUSION_DIRECTION_OUTBOUND: OUT } = ExclusionDirection;
const TCP = 6;
const UDP = 17;

/** An exclusion with only the fields that matter to a test. */
type Wanted = Partial<Exclusion>;

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

describe('nftables enforcer, with packets', () => {
  let site: Site;
  let device: Host;
  let agent: DeviceAgent;
  let inside: Toolbox;
  let outside: Toolbox;

  before(async () => {
    site = createSite({ devices: 1, routed: true });
    const first = site.devices[0];
    if (!first || !site.routed) throw new Error('the site has no device');
    device = first;
    const hosts = [device, site.outside, site.server, site.routed];
    const tools = await Promise.all(hosts.map((host) => host.tools()));
    [inside, outside] = tools as [Toolbox, Toolbox];
    await Promise.all(tools.flatMap((tool) => [PORT, OTHER_PORT].map((port) => tool.call('echo', { port }))));
    await (await site.server.tools()).call('echo', { port: SERVER_PORT });
  });
  beforeEach(async () => {
    agent = await DeviceAgent.start(device);
  });
  afterEach(async () => {
    await agent.clear();
    await agent.kill();
  });
  after(() => site.close());

  function plan(exclusions: Wanted[] = [], expiresInMs?: number): Plan {
    const named = exclusions.map((exclusion, index) => ({ name: `rule ${index}`, ...exclusion }));
    return compilePlan({
      isolationId: 'test',
      settings: IsolationSettings.fromPartial({ exclusions: named }),
      serverEndpoints: [site.server.v4, site.server.v6].map((address) => ({ address, port: SERVER_PORT })),
      resolvedHosts: new Map(),
      expiresInMs,
    });
  }
  const port = (number: number): { first: number; last: number }[] => [{ first: number, last: number }];

  for (const family of ['v4', 'v6'] as const) {
    const connectOut = async (to = PORT): Promise<string> =>
      (await inside.call('tcpConnect', { address: site.outside[family], port: to })).outcome;
    const connectIn = async (to = PORT): Promise<string> =>
      (await outside.call('tcpConnect', { address: device[family], port: to })).outcome;
    const udpOut = async (to = PORT): Promise<boolean> =>
      (await inside.call('udpExchange', { address: site.outside[family], port: to, timeoutMs: 250 }))
        .answered;
    const udpIn = async (to = PORT): Promise<boolean> =>
      (await outside.call('udpExchange', { address: device[family], port: to, timeoutMs: 250 })).answered;

    describe(`over IP${family}`, () => {
      it('blocks new TCP and UDP both ways, tells both sides at once, and lets them pass again afterwards', async () => {
        const all = (): Promise<unknown[]> => Promise.all([connectOut(), connectIn(), udpOut(), udpIn()]);
        expect(await all()).to.deep.equal(['open', 'open', true, true]);
        await agent.apply(plan());
        expect(await all()).to.deep.equal(['refused', 'refused', false, false]);
        await agent.clear();
        expect(await all()).to.deep.equal(['open', 'open', true, true]);
      });

      it('ends established connections on both ends within a second', async () => {
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

      it('answers pings and sends none', async () => {
        const ping = (from: Host, to: string): Promise<{ code: number }> =>
          from.exec('ping', ['-c', '1', '-W', '1', to]);
        await agent.apply(plan());
        expect((await ping(site.outside, device[family])).code).to.equal(0);
        expect((await ping(device, site.outside[family])).code).not.to.equal(0);
        await agent.clear();
        expect((await ping(device, site.outside[family])).code, 'control').to.equal(0);
      });

      it('answers a closed port with a reset', async () => {
        await agent.apply(plan());
        const { outcome, ms } = await outside.call('tcpConnect', {
          address: device[family],
          port: CLOSED_PORT,
        });
        expect(outcome).to.equal('refused');
        expect(ms).to.be.below(500);
      });

      it('finds its neighbours and is found', async () => {
        await agent.apply(plan());
        await Promise.all([device, site.outside].map((host) => host.exec('ip', ['neigh', 'flush', 'all'])));
        expect((await site.outside.exec('ping', ['-c', '1', '-W', '1', device[family]])).code).to.equal(0);
      });

      it('leaves loopback alone, also between own addresses', async () => {
        await agent.apply(plan());
        for (const address of [family === 'v4' ? '127.0.0.1' : '::1', device[family]]) {
          expect((await inside.call('tcpConnect', { address, port: PORT })).outcome).to.equal('open');
          expect((await inside.call('udpExchange', { address, port: PORT })).answered).to.equal(true);
        }
      });

      it('blocks what a translated own address leads out of this computer, and not what it leads back in', async () => {
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

      it('lets excluded flows and their answers pass, and nothing beside them', async () => {
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
        await agent.apply(plan([{ direction: OUT, remoteAddresses: [site.outside[family]] }]));
        expect(await connectIn()).to.equal('refused');
        expect(await udpIn()).to.equal(false);
        expect([await connectOut(), await udpOut()], 'control').to.deep.equal(['open', true]);
      });

      it('cuts what a live change takes away, and does not disturb what it keeps', async () => {
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

  it('keeps an excluded connection whose first packet after the lock comes from the other side', async () => {
    const target = { address: device.v4, port: PORT, intervalMs: 2 };
    const stream = await outside.call('startStream', { ...target, protocol: 'tcp' });
    await sleep(50);
    await agent.apply(plan([{ direction: IN, protocol: TCP, localPorts: port(PORT) }]));
    await sleep(100);
    const { sent, answered } = await outside.call('stopStream', stream);
    expect(answered).to.equal(sent);
  });

  it('releases on time in the kernel when the agent is dead', async () => {
    const connect = async (): Promise<string> =>
      (await inside.call('tcpConnect', { address: site.outside.v4, port: PORT })).outcome;
    await agent.apply(plan([], 1500));
    const lockedAt = Date.now();
    await agent.kill();
    await sleep(1000);
    expect(await connect()).to.equal('refused');
    await sleep(Math.max(0, lockedAt + 1700 - Date.now()));
    expect(await connect()).to.equal('open');
    agent = await DeviceAgent.start(device);
  });

  it('leaves nothing behind, and never touches tables and marks of others', async () => {
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

  it('notices within a second what others change, and stays silent about its own changes', async () => {
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

  it('puts every table behind the one that it replaces, so that no packet falls between the two', async () => {
    const priorities = async (): Promise<number[]> => {
      const { stdout } = await device.exec('nft', ['-nn', 'list', 'table', 'inet', 'cordon']);
      return [...stdout.matchAll(/priority (-?\d+);/g)].map(([, priority]) => Number(priority));
    };
    await agent.apply(plan());
    expect(await priorities()).to.deep.equal([-99, -99]);
    await agent.apply(plan([{ protocol: TCP, remotePorts: port(80) }]));
    expect(await priorities()).to.deep.equal([-98, -98]);
    await agent.kill();
    agent = await DeviceAgent.start(device);
    await agent.apply(plan());
    expect(await priorities()).to.deep.equal([-97, -97]);
  });

  it('recognises its rules after a restart, and notices what was changed meanwhile', async () => {
    const applied = await agent.apply(plan([], 60_000));
    await agent.kill();
    agent = await DeviceAgent.start(device);
    const intact = await agent.inspect(applied);
    expect(intact.kind).to.equal('intact');
    expect(intact.holdsForMs).to.be.within(50_000, 60_000);
    expect((await agent.inspect()).kind, 'nothing persisted').to.equal('altered');
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
    expect((await agent.inspect(applied)).kind).to.equal('altered');
    await device.exec('nft', ['delete', 'table', 'inet', 'cordon']);
    expect((await agent.inspect(applied)).kind).to.equal('absent');
  });

  it('leaves the old rules in force when the kernel refuses the new ones', async () => {
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

  itNeeding(
    { met: canMakeCgroups(), why: 'making control groups needs root and a writable cgroup2' },
    'lets a program pass by its cgroup, TCP and UDP, and no other program',
    async () => {
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

  it('finds that it can work here', async () => {
    expect(await agent.call('probe')).to.equal(null);
  });
});
