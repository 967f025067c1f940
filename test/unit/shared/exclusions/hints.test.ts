import { expect } from 'chai';
import fc from 'fast-check';
import { Effort } from '../../../../shared/exclusions/box-tree.js';
import { exclusionHints } from '../../../../shared/exclusions/hints.js';
import { defaultExclusions } from '../../../../shared/exclusions/profiles.js';
import {
  Exclusion,
  exclusionHintKindToJSON,
  type ExclusionHint,
} from '../../../../shared/gen/cordon/v1/exclusion.js';

type Wanted = Partial<Exclusion>;

const hints = (...wanted: Wanted[]): ExclusionHint[] =>
  exclusionHints(wanted.map((one, index) => Exclusion.fromPartial({ name: `rule ${index}`, ...one })));
/** `KIND name other` of each hint that is not about width, which most short examples have. */
const told = (...wanted: Wanted[]): string[] =>
  hints(...wanted)
    .map(({ kind, name, other }) =>
      `${exclusionHintKindToJSON(kind).replace('EXCLUSION_HINT_KIND_', '')} ${name} ${other}`.trimEnd(),
    )
    .filter((text) => !text.startsWith('WIDE'));
const wide = (wanted: Wanted): boolean => hints(wanted).some(({ detail }) => detail.includes('carried out'));
const ports = (first: number, last = first): { first: number; last: number }[] => [{ first, last }];

const IN = 1;
const OUT = 2;

describe('hints about exclusions', () => {
  it('calls a rule redundant that another one covers in every field', () => {
    expect(
      told(
        { protocol: 6, remotePorts: ports(443), remoteAddresses: ['10.1.0.0/16'] },
        { remoteAddresses: ['10.0.0.0/8'] },
      ),
    ).to.deep.equal(['REDUNDANT rule 0 rule 1']);
  });

  it('calls the later of two equal rules redundant', () => {
    expect(told({ remoteAddresses: ['::1'] }, { remoteAddresses: ['::1'] })).to.deep.equal([
      'REDUNDANT rule 1 rule 0',
    ]);
  });

  it('puts neighbouring ranges together before it compares', () => {
    expect(
      told(
        { protocol: 6, remotePorts: ports(1, 200) },
        { protocol: 6, remotePorts: [...ports(101, 300), ...ports(1, 100)] },
      ),
    ).to.deep.equal(['REDUNDANT rule 0 rule 1']);
  });

  for (const [title, a, b] of [
    ['protocol', { protocol: 6 }, { protocol: 17 }],
    ['direction', { direction: IN }, { direction: OUT }],
    ['remote port', { protocol: 6, remotePorts: ports(1) }, { protocol: 6, remotePorts: ports(2) }],
    ['local port', { protocol: 6, localPorts: ports(1, 5) }, { protocol: 6, localPorts: ports(6, 9) }],
    ['remote address', { remoteAddresses: ['10.0.0.0/9'] }, { remoteAddresses: ['10.128.0.0/9'] }],
    ['local address', { localAddresses: ['10.0.0.1'] }, { localAddresses: ['10.0.0.2'] }],
    ['IP version', { remoteAddresses: ['0.0.0.0/0'] }, { remoteAddresses: ['::/0'] }],
    ['host', { remoteHost: 'a.example' }, { remoteHost: 'b.example' }],
    ['host and address', { remoteHost: 'a.example' }, { remoteAddresses: ['192.0.2.1'] }],
    [
      'program',
      { application: { target: { $case: 'cgroup', value: 'a' } } },
      { application: { target: { $case: 'systemdUnit', value: 'a' } } },
    ],
  ] as const) {
    it(`says nothing of two rules that differ in ${title}`, () => {
      expect(told(a as unknown as Wanted, b as unknown as Wanted)).to.deep.equal([]);
    });
  }

  it('takes a host name as the same in every spelling, and as part of any address', () => {
    expect(told({ remoteHost: 'A.example.' }, { remoteHost: 'a.example' })).to.deep.equal([
      'REDUNDANT rule 1 rule 0',
    ]);
    expect(told({ remoteHost: 'a.example' }, {})).to.deep.equal(['REDUNDANT rule 0 rule 1']);
    expect(told({ remoteHost: 'a.example' }, { remoteAddresses: ['0.0.0.0/0', '::/0'] })).to.deep.equal([
      'REDUNDANT rule 0 rule 1',
    ]);
  });

  it('points out rules that share a part', () => {
    expect(
      told(
        { protocol: 6, remotePorts: ports(1, 100) },
        { protocol: 6, remotePorts: ports(50, 150) },
        { direction: OUT, protocol: 6, remotePorts: ports(120, 200) },
      ),
    ).to.deep.equal(['OVERLAPPING rule 1 rule 0', 'OVERLAPPING rule 2 rule 1']);
  });

  it('says nothing of rules that lie between each other without meeting', () => {
    const odd = [1, 3, 5].map((port) => ({ first: port, last: port }));
    const even = [2, 4, 6].map((port) => ({ first: port, last: port }));
    expect(told({ protocol: 6, localPorts: odd }, { protocol: 6, localPorts: even })).to.deep.equal([]);
  });

  for (const [title, wanted, detail] of [
    [
      'sides of two versions',
      { localAddresses: ['::1'], remoteAddresses: ['10.0.0.1'] },
      'no IP version in common',
    ],
    ['ICMP over IPv6', { protocol: 1, remoteAddresses: ['2001:db8::/32'] }, 'ICMPv6 is protocol 58'],
    ['ICMPv6 over IPv4', { protocol: 58, localAddresses: ['10.0.0.1'] }, 'ICMP is protocol 1'],
  ] as const) {
    it(`says that ${title} match nothing`, () => {
      const found = hints(wanted as unknown as Wanted);
      expect(found.map(({ detail: text }) => text)).to.have.length(1);
      expect(found[0]?.detail).to.contain(detail);
    });
  }

  it('says nothing of that about the rules that every list begins with', () => {
    const dns = defaultExclusions().find(({ name }) => name === 'DNS queries (UDP)');
    expect(wide({ ...dns })).to.equal(false);
    expect(wide({ ...dns, source: undefined }), 'the same, written by hand').to.equal(true);
  });

  it('warns of rules through which any program can carry data out', () => {
    expect(wide({ direction: OUT, protocol: 17, remotePorts: ports(53) })).to.equal(true);
    expect(wide({ direction: OUT, remoteAddresses: ['0.0.0.0/1', '128.0.0.0/1'] })).to.equal(true);
    expect(wide({ direction: IN })).to.equal(true);
    expect(wide({ direction: IN, protocol: 6, localPorts: ports(22) })).to.equal(false);
    expect(wide({ direction: OUT, remoteAddresses: ['10.0.0.0/8'] })).to.equal(false);
    expect(wide({ remoteHost: 'a.example' })).to.equal(false);
    expect(wide({ application: { target: { $case: 'cgroup', value: 'a' } } })).to.equal(false);
  });

  it('does not consider disabled exclusions', () => {
    expect(hints({ disabled: true }, { disabled: true })).to.deep.equal([]);
    expect(told({ remoteAddresses: ['::1'] }, { disabled: true })).to.deep.equal([]);
  });

  it('finds nothing redundant or overlapping in the default list', () => {
    expect(told(...defaultExclusions())).to.deep.equal([]);
  });

  it('says of small worlds exactly what comparing every packet says', () => {
    const span = fc
      .tuple(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 6 }))
      .map(([a, b]) => ({ first: Math.min(a, b), last: Math.max(a, b) }));
    const rule = fc.record({
      direction: fc.integer({ min: 0, max: 3 }),
      protocol: fc.constantFrom(6, 17),
      localPorts: fc.array(span, { maxLength: 2 }),
      remotePorts: fc.array(span, { maxLength: 2 }),
      remoteAddresses: fc.array(
        span.map(({ first, last }) => `10.0.0.${first}-10.0.0.${last}`),
        { minLength: 1, maxLength: 2 },
      ),
    });
    fc.assert(
      fc.property(fc.array(rule, { maxLength: 6 }), (rules) => {
        const sets = rules.map(packetsOf);
        const isPart = (inner: Set<string>, outer: Set<string>): boolean =>
          [...inner].every((packet) => outer.has(packet));
        const wanted = new Set<string>();
        const redundant = new Set<number>();
        for (const [index, set] of sets.entries()) {
          const covered = sets.some(
            (other, at) => at !== index && isPart(set, other) && (at < index || !isPart(other, set)),
          );
          if (covered) redundant.add(index);
          if (covered) wanted.add(`REDUNDANT rule ${index}`);
        }
        for (const [index, set] of sets.entries()) {
          for (let other = 0; other < index; other += 1) {
            if (redundant.has(index) || redundant.has(other)) continue;
            if ([...set].some((packet) => sets[other]?.has(packet)))
              wanted.add(`OVERLAPPING rule ${index} rule ${other}`);
          }
        }
        const found = told(...rules).map((text) => text.replace(/^(REDUNDANT rule \d+) .*/, '$1'));
        expect(new Set(found)).to.deep.equal(wanted);
      }),
      { numRuns: 300 },
    );
  });

  const one = (index: number): string => `10.${index >> 12}.${(index >> 6) & 63}.${index & 63}`;
  const ten = (index: number): string => index.toString(16);
  const many = (make: (index: number) => Wanted): Exclusion[] =>
    Array.from({ length: 10_000 }, (_, index) =>
      Exclusion.fromPartial({ name: `rule ${index}`, ...make(index) }),
    );
  for (const [title, make] of [
    ['addresses that differ', (index) => ({ protocol: 6, remoteAddresses: [one(index)] })],
    ['networks that end alike', (index) => ({ remoteAddresses: [`2001:db8:${ten(index)}::/64`] })],
    ['everything the same', () => ({ protocol: 6, remotePorts: ports(1) })],
  ] as readonly (readonly [string, (index: number) => Wanted])[]) {
    it(`makes at most 30 comparisons an exclusion for 10,000 exclusions with ${title}`, () => {
      const effort = new Effort(Infinity);
      exclusionHints(many(make), effort);
      expect(effort.spent)
        .to.be.above(0)
        .and.below(10_000 * 30);
    });
  }

  it('orders networks that end alike as quickly as others', () => {
    const addresses = (index: number): string[] =>
      Array.from({ length: 5 }, (_, at) => `2001:db8:${ten(index)}:${at}::/64`);
    const startedAt = performance.now();
    exclusionHints(many((index) => ({ remoteAddresses: addresses(index) })));
    // About half a second; a map with these addresses as its keys takes half a minute.
    expect(performance.now() - startedAt).to.be.below(6_000);
  }).timeout(60_000);

  for (const [title, make] of [
    [
      'addresses and ports that cross',
      (index) => (index % 2 ? { protocol: 6, remotePorts: ports(index) } : { remoteAddresses: [one(index)] }),
    ],
    [
      'lists that lie between each other',
      (index) => ({
        protocol: 6,
        remotePorts: [...ports(index + 1), ...ports(index + 20_001), ...ports(index + 40_001)],
      }),
    ],
  ] as readonly (readonly [string, (index: number) => Wanted])[]) {
    it(`gives up in time for 10,000 exclusions with ${title}`, () => {
      const effort = new Effort(100_000);
      expect(exclusionHints(many(make), effort).length).to.be.at.most(100);
      // The comparison that spends the last of it is finished.
      expect(effort.spent).to.be.within(100_000, 100_100);
    });
  }
});

/** Every packet of a small world that a rule takes. */
function packetsOf(rule: {
  direction: number;
  protocol: number;
  localPorts: { first: number; last: number }[];
  remotePorts: { first: number; last: number }[];
  remoteAddresses: string[];
}): Set<string> {
  const packets = new Set<string>();
  const within = (spans: { first: number; last: number }[], value: number): boolean =>
    spans.length === 0 || spans.some(({ first, last }) => first <= value && value <= last);
  const addresses = rule.remoteAddresses.map((text) => {
    const [first = 0, last = 0] = text.split('-').map((part) => Number(part.split('.')[3]));
    return { first, last };
  });
  const directions = rule.direction === IN ? [IN] : rule.direction === OUT ? [OUT] : [IN, OUT];
  // Port 0 stands for every port that no range names.
  for (const direction of directions)
    for (let local = 0; local <= 6; local += 1)
      for (let remote = 0; remote <= 6; remote += 1)
        for (let address = 1; address <= 6; address += 1)
          if (
            within(rule.localPorts, local) &&
            within(rule.remotePorts, remote) &&
            within(addresses, address)
          )
            packets.add(`${direction} ${rule.protocol} ${local} ${remote} ${address}`);
  return packets;
}
