import { expect } from 'chai';
import { compilePlan, type Plan } from '../../../../../agent/enforce/plan.js';
import { protocolIs } from '../../../../../agent/enforce/wfp/conditions.js';
import { describeFilter } from '../../../../../agent/enforce/wfp/describe.js';
import { MOST_CONDITIONS } from '../../../../../agent/enforce/wfp/exclusion-filters.js';
import { filtersOf, pathsOf, planIdOf } from '../../../../../agent/enforce/wfp/filters.js';
import { LAYERS } from '../../../../../agent/enforce/wfp/guids.js';
import { OBJECTS_DACL, PROVIDER, SUBLAYER } from '../../../../../agent/enforce/wfp/own-objects.js';
import { grantsOf } from '../../../../../agent/windows/security-descriptor.js';
import { sidText } from '../../../../../agent/windows/sid.js';
import type { Filter, FoundFilter } from '../../../../../agent/enforce/wfp/types.js';
import type { Exclusion } from '../../../../../shared/gen/cordon/v1/exclusion.js';
import { IsolationSettings } from '../../../../../shared/gen/cordon/v1/isolation.js';
import { OWNERS, WINDOWS } from '../../../../vectors/scene.js';

const UDP = 17;
const TCP = 6;
const [OUT, IN, BOTH] = [2, 1, 3] as const;
const port = (first: number, last = first): { first: number; last: number }[] => [{ first, last }];

function plan(exclusions: Partial<Exclusion>[], hosts: [string, string[]][] = []): Plan {
  return compilePlan({
    isolationId: 'isolation',
    settings: IsolationSettings.fromPartial({ exclusions }),
    serverEndpoints: [
      { address: '192.0.2.1', port: 7443 },
      { address: '192.0.2.1', port: 7444 },
      { address: '2001:db8::1', port: 7443 },
      { address: '192.0.2.9', port: 7443 },
    ],
    resolvedHosts: new Map(hosts),
    expiresInMs: undefined,
  });
}

/** Filters of exclusions alone, in words. */
function words(exclusion: Partial<Exclusion>, hosts: [string, string[]][] = []): string[] {
  return filtersOf(plan([{ name: 'x', ...exclusion }], hosts), WINDOWS)
    .filters.filter(({ name }) => name.includes('exclusion'))
    .map(describeFilter);
}

function found(filter: Filter): FoundFilter {
  const { key, name, sublayer, provider } = filter;
  const layer = LAYERS[filter.layer];
  return { filter, key, layer, sublayer, provider, name, flags: 0, action: 0, id: 1n, effectiveWeight: 1n };
}

describe('filters of a plan', () => {
  it('block everything and let pass what the system needs, at the four layers and in both phases', () => {
    const lines = filtersOf(plan([]), WINDOWS).filters.map(({ description }) => description);
    const agent =
      'program "\\device\\harddiskvolume3\\program files\\cordon\\cordon-agent.exe", ' +
      `run by ${sidText(WINDOWS.agent.sid)}`;
    const ndp = '130 or 131 or 132 or';
    const system = [
      'permit out IPv4: loopback (loopback)',
      'permit out IPv6: loopback (loopback)',
      'permit in IPv4: loopback (loopback)',
      'permit in IPv6: loopback (loopback)',
      'permit out IPv4: protocol ICMP, ICMP type 5 (ICMP of the operating system)',
      `permit out IPv6: protocol ICMPv6, ICMP type ${ndp} 133 or 5 more (ICMP of the operating system)`,
      'permit in IPv4: protocol ICMP, ICMP type 5 or 8 or 13 (ICMP of the operating system)',
      `permit in IPv6: protocol ICMPv6, ICMP type 128 or 130 or 131 or 132 or 6 more (ICMP of the operating system)`,
      'block out IPv4: everything (isolated)',
      'block out IPv6: everything (isolated)',
      'block in IPv4: everything (isolated)',
      'block in IPv6: everything (isolated)',
    ];
    const channel = 'protocol TCP (own channel to the management server)';
    expect(lines).to.deep.equal([
      `hard permit out IPv4: ${agent}, remote address 192.0.2.1 or 192.0.2.9, remote port 7443, ${channel}`,
      `hard permit out IPv4: ${agent}, remote address 192.0.2.1, remote port 7444, ${channel}`,
      `hard permit out IPv6: ${agent}, remote address 2001:db8::1, remote port 7443, ${channel}`,
      ...system,
      ...system.map((line) => `at boot: ${line}`),
    ]);
  });

  it('have weights in the order of the documentation, and only blocks and the own channel are hard', () => {
    const { filters } = filtersOf(plan([{ name: 'x' }]), WINDOWS);
    const rank = (part: string): number[] => [
      ...new Set(
        filters
          .filter(({ name }) => name.includes(part))
          .map(({ weight }) => (weight.kind === 'class' ? weight.value : -1)),
      ),
    ];
    expect(['own channel', 'loopback', 'ICMP', 'exclusion', 'isolated'].map(rank)).to.deep.equal([
      [15],
      [14],
      [13],
      [11],
      [0],
    ]);
    for (const { name, hard, provider, sublayer } of filters) {
      expect(hard, name).to.equal(/own channel|isolated/.test(name));
      expect([provider, sublayer]).to.deep.equal([PROVIDER.key, SUBLAYER.key]);
    }
  });

  for (const [title, exclusion, wanted] of [
    [
      'one direction at one layer of each IP version',
      { direction: OUT, protocol: UDP, remotePorts: port(53) },
      [
        'permit out IPv4: remote port 53, protocol UDP (exclusion "x")',
        'permit out IPv6: remote port 53, protocol UDP (exclusion "x")',
      ],
    ],
    [
      'the other direction likewise',
      { direction: IN, protocol: TCP, localPorts: [...port(80), ...port(443, 445)] },
      [
        'permit in IPv4: local port 80 or 443-445, protocol TCP (exclusion "x")',
        'permit in IPv6: local port 80 or 443-445, protocol TCP (exclusion "x")',
      ],
    ],
    [
      'addresses at the layers of their version, as mask, range or value',
      {
        direction: BOTH,
        remoteAddresses: ['10.0.0.0/8', '192.0.2.3-192.0.2.9', '198.51.100.7', '2001:db8::/32'],
      },
      [
        'permit out IPv4: remote address 10.0.0.0/8 or 192.0.2.3-192.0.2.9 or 198.51.100.7 (exclusion "x")',
        'permit in IPv4: remote address 10.0.0.0/8 or 192.0.2.3-192.0.2.9 or 198.51.100.7 (exclusion "x")',
        'permit out IPv6: remote address 2001:db8::/32 (exclusion "x")',
        'permit in IPv6: remote address 2001:db8::/32 (exclusion "x")',
      ],
    ],
    [
      'every address of a version as no condition',
      { direction: OUT, remoteAddresses: ['0.0.0.0/0'] },
      ['permit out IPv4: everything (exclusion "x")'],
    ],
    [
      'ICMP at IPv4 only',
      { direction: OUT, protocol: 1 },
      ['permit out IPv4: protocol ICMP (exclusion "x")'],
    ],
    [
      'ICMPv6 at IPv6 only',
      { direction: IN, protocol: 58 },
      ['permit in IPv6: protocol ICMPv6 (exclusion "x")'],
    ],
    [
      'nothing for addresses of different versions',
      { remoteAddresses: ['10.0.0.1'], localAddresses: ['2001:db8::1'] },
      [],
    ],
    ['nothing for ports of a protocol that has none', { protocol: 47, remotePorts: port(53) }, []],
    [
      'TCP and UDP for ports without a protocol, because ports are types of ICMP else',
      { direction: OUT, localPorts: port(8), remoteAddresses: ['10.0.0.1'] },
      ['permit out IPv4: remote address 10.0.0.1, local port 8, protocol TCP or UDP (exclusion "x")'],
    ],
    [
      'DHCP at boot too',
      { direction: OUT, protocol: UDP, localPorts: port(68), remotePorts: port(67, 68) },
      [
        'permit out IPv4: remote port 67-68, local port 68, protocol UDP (exclusion "x")',
        'permit out IPv6: remote port 67-68, local port 68, protocol UDP (exclusion "x")',
        'at boot: permit out IPv4: remote port 67-68, local port 68, protocol UDP (exclusion "x")',
        'at boot: permit out IPv6: remote port 67-68, local port 68, protocol UDP (exclusion "x")',
      ],
    ],
  ] satisfies [string, Partial<Exclusion>, string[]][]) {
    it(`are, for an exclusion: ${title}`, () => expect(words(exclusion)).to.deep.equal(wanted));
  }

  it('let nothing but DHCP through at boot', () => {
    for (const exclusion of [
      { protocol: UDP, remotePorts: port(66, 68) },
      { protocol: UDP, remotePorts: port(67, 546) },
      { protocol: TCP, remotePorts: port(67) },
      { protocol: UDP, remotePorts: port(67), localPorts: port(53) },
      { protocol: UDP },
      {
        protocol: UDP,
        remotePorts: port(67),
        application: { target: { $case: 'executablePath' as const, value: OWNERS.browser.executable } },
      },
    ]) {
      const lines = words(exclusion);
      expect(lines.length, JSON.stringify(exclusion)).to.be.greaterThan(0);
      expect(lines.filter((line) => line.startsWith('at boot'))).to.deep.equal([]);
    }
  });

  it('bind an exclusion to an executable or a service, in both directions', () => {
    const executable = { target: { $case: 'executablePath' as const, value: OWNERS.browser.executable } };
    const app = '"\\device\\harddiskvolume3\\programs\\browser\\browser.exe"';
    expect(words({ application: executable, protocol: TCP })).to.deep.equal([
      `permit out IPv4: program ${app}, protocol TCP (exclusion "x")`,
      `permit in IPv4: program ${app}, protocol TCP (exclusion "x")`,
      `permit out IPv6: program ${app}, protocol TCP (exclusion "x")`,
      `permit in IPv6: program ${app}, protocol TCP (exclusion "x")`,
    ]);
    const service = { target: { $case: 'windowsService' as const, value: 'TrustedInstaller' } };
    const sid = 'S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464';
    expect(words({ application: service, direction: OUT })[0]).to.equal(
      `permit out IPv4: run by ${sid} (exclusion "x")`,
    );
  });

  it('leave out what Windows cannot express, and say so', () => {
    const made = plan([
      { name: 'gone', application: { target: { $case: 'executablePath', value: 'C:\\Programs\\gone.exe' } } },
      { name: 'unit', application: { target: { $case: 'systemdUnit', value: 'chrony.service' } } },
      { name: 'group', application: { target: { $case: 'cgroup', value: 'a/b' } } },
    ]);
    expect(pathsOf(made)).to.deep.equal(['C:\\Programs\\gone.exe']);
    const { filters, unsupported } = filtersOf(made, WINDOWS);
    expect(filters.filter(({ name }) => name.includes('exclusion'))).to.deep.equal([]);
    expect(unsupported).to.deep.equal([
      {
        name: 'gone',
        detail: 'there is no executable "C:\\Programs\\gone.exe" on this computer; correct the path',
      },
      { name: 'unit', detail: 'a systemd unit does not exist on Windows; name a Windows service' },
      {
        name: 'group',
        detail: 'a control group does not exist on Windows; name an executable or a Windows service',
      },
    ]);
  });

  it('are split where a host has thousands of addresses, and match all of them', () => {
    const many = Array.from({ length: 2500 }, (_, at) => `10.${at >> 7}.${(at & 127) * 2}.1`);
    const { filters } = filtersOf(
      plan([{ name: 'x', direction: OUT, protocol: TCP, remoteHost: 'many' }], [['many', many]]),
      WINDOWS,
    );
    const own = filters.filter(({ name }) => name.includes('exclusion'));
    expect(own.length).to.be.greaterThan(1);
    const seen = own.flatMap(({ conditions }) => {
      expect(conditions.length).to.be.at.most(MOST_CONDITIONS);
      expect(conditions.at(-1)).to.deep.equal(protocolIs(TCP));
      return conditions.flatMap(({ value }) => (value.type === 'uint32' ? value.value : []));
    });
    expect(new Set(seen).size).to.equal(2500);
    expect(seen.length).to.equal(2500);
  });

  it('have keys that follow from what they do', () => {
    const one = { direction: OUT, protocol: UDP, remotePorts: port(53) };
    const keys = (exclusions: Partial<Exclusion>[]): string[] =>
      filtersOf(plan(exclusions), WINDOWS)
        .filters.filter(({ action }) => action === 'permit')
        .map(({ key }) => key);
    const alone = keys([{ name: 'a', ...one }]);
    expect(new Set(alone).size).to.equal(alone.length);
    expect(keys([{ name: 'a', ...one }])).to.deep.equal(alone);
    expect(keys([{ name: 'b', ...one }]), 'another name').to.deep.equal(alone);
    expect(
      keys([
        { name: 'a', ...one },
        { name: 'b', ...one },
      ]),
      'twice',
    ).to.deep.equal(alone);
    expect(keys([{ name: 'a', ...one, remotePorts: port(54) }])).not.to.deep.equal(alone);
    // For ever the same: an update has to find what the version before left.
    expect(alone[3]).to.match(/^[\da-f]{8}-[\da-f]{4}-5[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/);
    expect(alone[3]).to.equal('0501d8bd-c487-5bb3-955a-3274967ace5d');
  });

  it('carry the id of the plan', () => {
    const first = plan([{ name: 'a' }]);
    const filters = filtersOf(first, WINDOWS).filters.map(found);
    expect(planIdOf(filters)).to.equal(first.planId);
    expect(planIdOf([])).to.equal(undefined);
    expect(planIdOf(filters.filter(({ filter }) => filter?.action === 'permit'))).to.equal(undefined);
    const other = filtersOf(plan([{ name: 'b' }]), WINDOWS).filters.map(found);
    expect(planIdOf([...filters, ...other]), 'two plans').to.equal(undefined);
  });

  it('belong to objects that others may look at and only administrators change', () => {
    expect(SUBLAYER.weight).to.equal(0xffff);
    expect(SUBLAYER.provider).to.equal(PROVIDER.key);
    expect([PROVIDER.lifetime, SUBLAYER.lifetime]).to.deep.equal(['persistent', 'persistent']);
    expect(PROVIDER.serviceName).to.equal(undefined);
    const grants = grantsOf(OBJECTS_DACL)?.map(({ kind, sid, access }) => [kind, sidText(sid), access]);
    expect(grants).to.deep.equal([
      ['allow', 'S-1-5-18', 0xf07ff],
      ['allow', 'S-1-5-32-544', 0xf07ff],
      ['allow', 'S-1-1-0', 0x201a0],
    ]);
  });
});
