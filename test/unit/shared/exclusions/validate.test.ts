import { expect } from 'chai';
import fc from 'fast-check';
import { defaultExclusions } from '../../../../shared/exclusions/profiles.js';
import { validateExclusions } from '../../../../shared/exclusions/validate.js';
import { Exclusion, type ApplicationMatch } from '../../../../shared/gen/cordon/v1/exclusion.js';
import { IsolationSettings } from '../../../../shared/gen/cordon/v1/isolation.js';
import { validateSettings } from '../../../../shared/isolation-settings.js';

type Wanted = Partial<Exclusion>;

const check = (...wanted: Wanted[]): { field: string; description: string }[] =>
  validateExclusions(
    wanted.map((one, index) => Exclusion.fromPartial({ name: `rule ${index}`, ...one })),
    'list',
  );
const ports = (first: number, last: number): { first: number; last: number }[] => [{ first, last }];
const program = (target: ApplicationMatch['target']): Wanted => ({ application: { target } });

describe('validating exclusions', () => {
  it('takes the default list', () => {
    expect(validateExclusions(defaultExclusions(), 'list')).to.deep.equal([]);
  });

  for (const [title, wanted] of [
    ['one with nothing but a name', {}],
    [
      'every form of address',
      { remoteAddresses: ['192.0.2.1', '192.0.2.0/24', '192.0.2.1-192.0.2.9', '2001:db8::/32'] },
    ],
    ['port lists and ranges', { protocol: 17, localPorts: ports(0, 65_535), remotePorts: ports(53, 53) }],
    ['protocol 0 and 255', { protocol: 255 }],
    [
      'sides that share no IP version, which is a hint',
      { localAddresses: ['::1'], remoteAddresses: ['192.0.2.1'] },
    ],
    ['ICMP with IPv6 addresses, which is a hint', { protocol: 1, remoteAddresses: ['2001:db8::1'] }],
    ['a program of Windows', program({ $case: 'executablePath', value: 'C:\\Program Files\\a.exe' })],
    ['a service of Windows', program({ $case: 'windowsService', value: 'Dnscache' })],
    ['a unit of systemd', program({ $case: 'systemdUnit', value: 'a@b.service' })],
    ['a control group', program({ $case: 'cgroup', value: 'system.slice/a b.service' })],
    ['a host name', { remoteHost: 'Time.Example' }],
    ['a description of two lines', { description: 'one\n\ttwo' }],
    ['exactly 4096 combinations', { remoteAddresses: many(256), protocol: 6, remotePorts: manyPorts(16) }],
  ] as const) {
    it(`takes ${title}`, () => {
      expect(check(wanted as Wanted)).to.deep.equal([]);
    });
  }

  for (const [title, wanted, field, rule] of [
    ['no name', { name: '' }, 'list[0].name', '1 to 128'],
    ['a blank name', { name: '  ' }, 'list[0].name', 'blank'],
    ['NUL in a name', { name: 'a\0b' }, 'list[0].name', 'control characters'],
    ['a terminal escape in a name', { name: 'a\u001b[2Jb' }, 'list[0].name', 'control characters'],
    [
      'a terminal escape in a description',
      { description: '\u001b[2J' },
      'list[0].description',
      'control characters',
    ],
    [
      'a port without a protocol',
      { localPorts: ports(1, 1) },
      'list[0].local_ports',
      'any protocol has none',
    ],
    [
      'a port of ICMP',
      { protocol: 1, remotePorts: ports(1, 1) },
      'list[0].remote_ports',
      'protocol 1 has none',
    ],
    ['protocol 256', { protocol: 256 }, 'list[0].protocol', '0 to 255'],
    ['reversed ports', { protocol: 6, remotePorts: ports(9, 8) }, 'list[0].remote_ports[0]', 'reversed'],
    [
      'a port without its last',
      { protocol: 6, remotePorts: ports(9, 0) },
      'list[0].remote_ports[0]',
      'no last port',
    ],
    ['port 0 alone', { protocol: 6, localPorts: ports(0, 0) }, 'list[0].local_ports[0]', 'port 0'],
    ['port 65536', { protocol: 6, localPorts: ports(1, 65_536) }, 'list[0].local_ports[0]', '0 to 65535'],
    [
      'host bits',
      { remoteAddresses: ['10.0.0.1/8'] },
      'list[0].remote_addresses[0]',
      'the network is 10.0.0.0/8',
    ],
    [
      'both versions in a range',
      { localAddresses: ['::1', '10.0.0.1-::2'] },
      'list[0].local_addresses[1]',
      'mixes',
    ],
    [
      'reversed addresses',
      { localAddresses: ['10.0.0.2-10.0.0.1'] },
      'list[0].local_addresses[0]',
      'reversed',
    ],
    ['an empty address', { localAddresses: [''] }, 'list[0].local_addresses[0]', 'empty'],
    ['a very long address', { localAddresses: ['1'.repeat(5000)] }, 'list[0].local_addresses[0]', 'longer'],
    [
      'a zone',
      { localAddresses: ['fe80::1%eth0'] },
      'list[0].local_addresses[0]',
      'not an IPv4 or IPv6 address',
    ],
    ['a mapped address', { localAddresses: ['::ffff:10.0.0.1'] }, 'list[0].local_addresses[0]', 'mapped'],
    ['a host that is an address', { remoteHost: '192.0.2.1' }, 'list[0].remote_host', 'remote_addresses'],
    ['a host with a blank', { remoteHost: 'a b' }, 'list[0].remote_host', 'not a host name'],
    [
      'a host beside addresses',
      { remoteHost: 'a', remoteAddresses: ['::1'] },
      'list[0].remote_host',
      'together',
    ],
    ['an unknown direction', { direction: 9 }, 'list[0].direction', 'direction'],
    ['no program', program(undefined), 'list[0].application', 'no program'],
    ['an empty path', program({ $case: 'executablePath', value: '' }), 'list[0].application', 'absolute'],
    ['an empty service', program({ $case: 'windowsService', value: '' }), 'list[0].application', 'service'],
    ['an empty unit', program({ $case: 'systemdUnit', value: '' }), 'list[0].application', 'unit'],
    [
      'a control group that climbs',
      program({ $case: 'cgroup', value: 'a/../b' }),
      'list[0].application',
      'cgroup',
    ],
    [
      'a control group with an empty step',
      program({ $case: 'cgroup', value: 'a//b' }),
      'list[0].application',
      'cgroup',
    ],
    ['257 addresses', { remoteAddresses: many(257) }, 'list[0].remote_addresses', 'at most 256'],
    [
      '4352 combinations',
      { remoteAddresses: many(256), protocol: 6, remotePorts: manyPorts(17) },
      'list[0]',
      '4352',
    ],
  ] as const) {
    it(`names the field and the rule of ${title}`, () => {
      const [first, ...more] = check(wanted as unknown as Wanted);
      expect(more).to.deep.equal([]);
      expect(first?.field).to.equal(field);
      expect(first?.description).to.contain(rule);
    });
  }

  it('wants names to be unique, also between rules of two profiles', () => {
    const from = (profileId: string): Wanted => ({ name: 'same', source: { profileId, version: 1 } });
    expect(check(from('a'), from('b'))).to.deep.equal([
      { field: 'list[1].name', description: '"same" is used twice' },
    ]);
  });

  it('bounds the combinations of a whole list', () => {
    const wide = { remoteAddresses: many(256), protocol: 6, remotePorts: manyPorts(16) };
    expect(check(...Array<Wanted>(24).fill(wide))).to.deep.equal([]);
    const [first] = check(...Array<Wanted>(25).fill(wide));
    expect(first).to.deep.equal({
      field: 'list',
      description: 'multiplies to 102400 combinations of ports and addresses; at most 100000',
    });
  });

  it('takes 10,000 exclusions and refuses one more', () => {
    expect(check(...Array<Wanted>(10_000).fill({}))).to.deep.equal([]);
    expect(check(...Array<Wanted>(10_001).fill({}))[0]?.description).to.contain('at most 10000');
  });

  it('names 100 mistakes at most', () => {
    expect(check(...Array<Wanted>(500).fill({ protocol: 300 }))).to.have.length(100);
  });

  it('says how large settings are that are too large', () => {
    const settings = IsolationSettings.fromPartial({
      exclusions: Array.from({ length: 1600 }, (_, index) => ({
        name: `rule ${index}`,
        description: 'x'.repeat(1000),
      })),
    });
    const [first] = validateSettings(settings, 'settings');
    expect(first?.field).to.equal('settings.exclusions');
    expect(first?.description).to.match(/settings \d{7} bytes large; at most 1572864 bytes/);
    settings.exclusions.splice(1000);
    expect(validateSettings(settings, 'settings')).to.deep.equal([]);
  });

  it('never throws, whatever the texts and numbers', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.record({
            name: fc.string({ unit: 'binary', maxLength: 140 }),
            protocol: fc.option(fc.nat(300), { nil: undefined }),
            localPorts: fc.array(fc.record({ first: fc.nat(70_000), last: fc.nat(70_000) })),
            remoteAddresses: fc.array(fc.oneof(fc.ipV4Extended(), fc.ipV6(), fc.string())),
            remoteHost: fc.string({ unit: 'binary' }),
          }),
        ),
        (list) => {
          for (const { field, description } of check(...list)) {
            expect(field).to.match(/^list\[\d+\]/);
            expect(description).not.to.equal('');
          }
        },
      ),
    );
  });
});

function many(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `10.0.${index >> 8}.${index & 255}`);
}

function manyPorts(count: number): { first: number; last: number }[] {
  return Array.from({ length: count }, (_, index) => ({ first: index * 2 + 1, last: index * 2 + 1 }));
}
