import { expect } from 'chai';
import { renderPlan, type RenderContext } from '../../../../../agent/enforce/nftables/render.js';
import { compilePlan, type Plan } from '../../../../../agent/enforce/plan.js';
import { ExclusionDirection, type Exclusion } from '../../../../../shared/gen/cordon/v1/exclusion.js';
import { IsolationSettings } from '../../../../../shared/gen/cordon/v1/isolation.js';

type Exclusions = Partial<Exclusion>[];

const user: RenderContext = { agent: { kind: 'user', uid: 0 }, findCgroup: () => undefined };

function plan(exclusions: Exclusions, expiresInMs?: number): Plan {
  return compilePlan({
    isolationId: 'isolation',
    settings: IsolationSettings.fromPartial({ exclusions }),
    serverEndpoints: [
      { address: '192.0.2.1', port: 7443 },
      { address: '2001:db8::1', port: 7443 },
    ],
    resolvedHosts: new Map(),
    expiresInMs,
  });
}

function chain(text: string, name: string): string[] {
  const body = new RegExp(`chain ${name} \\{\\n([^}]*(?:\\{[^}]*\\}[^}]*)*)\\n  \\}`).exec(text)?.[1] ?? '';
  return body
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
}

const EXCLUSION_CHAINS = ['opened_here_out', 'opened_here_in', 'opened_there_in', 'opened_there_out'];

describe('rendering a plan for nftables', () => {
  it('accepts nothing in the exclusion chains when there is no exclusion', () => {
    const { text } = renderPlan(plan([]), user);
    for (const name of EXCLUSION_CHAINS) expect(chain(text, name), name).to.deep.equal([]);
  });

  it('never touches forwarded packets, marks or other tables', () => {
    const { text } = renderPlan(plan([{ name: 'all' }]), user);
    expect(text).not.to.match(/hook (forward|prerouting|postrouting)|mark|flush/);
    expect([...text.matchAll(/table (\S+ \S+)/g)].map(([, table]) => table)).to.deep.equal([
      'inet cordon',
      'inet cordon',
      'inet cordon',
    ]);
  });

  it('creates the same table that it would put in the place of an older one, and deletes nothing for that', () => {
    const { text, creation } = renderPlan(plan([{ name: 'all' }], 60_000), user);
    const definition = (transaction: string): string =>
      transaction.slice(transaction.indexOf('table inet cordon {\n'));
    expect(definition(creation)).to.equal(definition(text)).and.not.equal('');
    expect(text).to.match(/^table inet cordon\ndelete table inet cordon\n/);
    expect(creation).to.match(/^create table inet cordon \{ comment "plan=[0-9a-f]+"; \}\ntable inet cordon/);
  });

  it('exchanges the sides for replies', () => {
    const { text } = renderPlan(
      plan([{ name: 'https', direction: 2, protocol: 6, remotePorts: [{ first: 443, last: 443 }] }]),
      user,
    );
    expect(chain(text, 'opened_here_out')).to.deep.equal([
      'meta l4proto . th dport @opened_out_protocol_remote_port accept',
    ]);
    expect(chain(text, 'opened_here_in')).to.deep.equal([
      'meta l4proto . th sport @opened_out_protocol_remote_port accept',
    ]);
    expect(chain(text, 'opened_there_in')).to.deep.equal([]);
    expect(chain(text, 'opened_there_out')).to.deep.equal([]);
  });

  it('keeps the number of rules the same whatever the number of exclusions and whatever they name', () => {
    const port = (number: number): { first: number; last: number } => ({ first: number, last: number });
    const many = (count: number): Exclusions =>
      Array.from({ length: count }, (_, index) => {
        const own = `10.${index >> 12}.${(index >> 4) & 255}.${(index & 15) * 16}`;
        const forms: Partial<Exclusion>[] = [
          { protocol: 6, remoteAddresses: [own], remotePorts: [port(443)] },
          { protocol: 17, remoteAddresses: [`${own}/28`], remotePorts: [port(index), port(index + 5)] },
          { localAddresses: [own] },
          { protocol: 100 + (index % 100) },
          { protocol: 6, localPorts: [port(index + 1)], remotePorts: [port(index + 2)] },
          { remoteAddresses: [`2001:db8:${index.toString(16)}::/64`], localAddresses: ['2001:db8::1'] },
          { protocol: 132, remoteAddresses: [own], application: { target: { $case: 'cgroup', value: 'a' } } },
        ];
        return { name: `rule ${index}`, ...forms[index % forms.length] };
      });
    const context: RenderContext = { ...user, findCgroup: () => ({ level: 1, path: 'a' }) };
    const lines = (count: number): number =>
      [...renderPlan(plan(many(count)), context).counts]
        .filter(([name]) => name.startsWith('chain '))
        .reduce((sum, [, rules]) => sum + rules, 0);
    expect(lines(7000)).to.equal(lines(700));
  });

  it('takes ICMP as a protocol of IPv4 and ICMPv6 as one of IPv6', () => {
    const { text } = renderPlan(plan([{ name: 'ping', direction: 2, protocol: 1 }]), user);
    expect(chain(text, 'opened_here_out')).to.deep.equal([
      'meta nfproto ipv4 meta l4proto @opened_out_ipv4_protocol accept',
    ]);
  });

  it('matches nothing when addresses of the two sides are of different versions', () => {
    const { text } = renderPlan(
      plan([{ name: 'mixed', localAddresses: ['192.0.2.7'], remoteAddresses: ['2001:db8::7'] }]),
      user,
    );
    for (const name of EXCLUSION_CHAINS) expect(chain(text, name), name).to.deep.equal([]);
  });

  for (const [title, application] of [
    ['an executable path', { target: { $case: 'executablePath', value: '/usr/bin/curl' } }],
    ['a Windows service', { target: { $case: 'windowsService', value: 'Dnscache' } }],
    ['a unit that does not run', { target: { $case: 'systemdUnit', value: 'chrony.service' } }],
  ] as const) {
    it(`reports ${title} as unsupported and lets nothing pass for it`, () => {
      const { text, unsupported } = renderPlan(plan([{ name: 'program', application }]), user);
      expect(unsupported.map(({ name }) => name)).to.deep.equal(['program']);
      for (const name of EXCLUSION_CHAINS) expect(chain(text, name), name).to.deep.equal([]);
    });
  }

  it('binds a program to its cgroup in both ways and never lets others in for it', () => {
    const context: RenderContext = {
      ...user,
      findCgroup: () => ({ level: 2, path: 'system.slice/a.service' }),
    };
    const application = { target: { $case: 'systemdUnit', value: 'a' } } as const;
    const { text, unsupported } = renderPlan(plan([{ name: 'program', application }]), context);
    for (const way of ['out', 'in']) {
      expect(chain(text, `opened_here_${way}`)).to.deep.equal([
        `socket cgroupv2 level 2 vmap @opened_out_level_2_${way}`,
      ]);
      expect(text).to.contain(`{ "system.slice/a.service" : jump opened_out_program_0_${way} }`);
      expect(chain(text, `opened_out_program_0_${way}`)).to.deep.equal(['accept']);
    }
    expect(chain(text, 'opened_there_in')).to.deep.equal([]);
    expect(unsupported.map(({ name }) => name)).to.deep.equal(['program']);
  });

  it('narrows the own channel to the cgroup of the agent, or to its user', () => {
    const cgroup = { kind: 'cgroup', cgroup: { level: 1, path: 'agent' } } as const;
    const narrow = chain(renderPlan(plan([]), { ...user, agent: cgroup }).text, 'verdict_out');
    expect(narrow).to.include('ip daddr 192.0.2.1 tcp dport 7443 socket cgroupv2 level 1 "agent" accept');
    const byUser = chain(renderPlan(plan([]), user).text, 'verdict_out');
    expect(byUser).to.include('ip6 daddr 2001:db8::1 tcp dport 7443 meta skuid 0 accept');
  });

  it('gives both IP versions the deadline, and none when there is no end', () => {
    expect(renderPlan(plan([], 1500.2), user).text).to.contain(
      '{ ipv4 timeout 1501ms, ipv6 timeout 1501ms }',
    );
    expect(renderPlan(plan([], 0), user).text).to.contain('ipv4 timeout 1ms');
    expect(renderPlan(plan([]), user).text).to.contain('elements = { ipv4, ipv6 }');
  });

  it('stays small where thousands of ranges cross each other: what has no set left stays blocked, and is reported', () => {
    const crossing: Exclusions = Array.from({ length: 4000 }, (_, index) => ({
      name: `rule ${index}`,
      direction: ExclusionDirection.EXCLUSION_DIRECTION_OUTBOUND,
      protocol: 6,
      remoteAddresses: [`10.0.0.0-10.255.${(index * 7919) % 256}.${index % 256}`],
      remotePorts: [{ first: 1 + ((index * 104_729) % 20_000), last: 30_000 + ((index * 31_337) % 30_000) }],
      localPorts: [{ first: 1 + ((index * 49_999) % 20_000), last: 30_000 + ((index * 7_877) % 30_000) }],
    }));
    const plain: Exclusions = [{ name: 'plain', protocol: 6, remotePorts: [{ first: 443, last: 443 }] }];
    const { counts, unsupported, text } = renderPlan(plan([...crossing, ...plain]), user);
    const ranges = [...counts.keys()].filter((name) => name.includes('_ranges_'));
    expect(ranges.length).to.be.within(1, 128);
    const names = unsupported.map(({ name }) => name);
    expect(names).to.include('rule 0').and.not.to.include('plain');
    expect(unsupported[0]?.detail).to.match(/^in part: /);
    expect(chain(text, 'opened_here_out')).to.include(
      'meta l4proto . th dport @opened_out_protocol_remote_port accept',
    );
  });
});
