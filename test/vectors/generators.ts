import fc from 'fast-check';
import type { TcpFlags, Transport } from '../../agent/enforce/model.js';
import type { ApplicationMatch, Exclusion } from '../../shared/gen/cordon/v1/exclusion.js';

/**
 * Random exclusions and packets for comparisons of verdicts: few values for each field, so that they meet, and the edges
 * among them.
 */

/** Addresses that the device and the computer outside have besides their first. */
export const LOCAL = {
  4: ['192.0.2.11', '192.0.2.12', '192.0.2.13'],
  6: ['2001:db8:77::b', '2001:db8:77::c', '2001:db8:77::d'],
} as const;
export const REMOTE = {
  4: ['192.0.2.2', '192.0.2.200', '192.0.2.201', '192.0.2.208'],
  6: ['2001:db8:77::2', '2001:db8:77::200', '2001:db8:77::201', '2001:db8:77::210'],
} as const;

export const PORTS = [1, 52, 53, 54, 1000, 49_151, 49_152, 65_535];
/** Protocols without ports. */
export const OTHERS = [47, 50, 132, 253];

export const family = fc.constantFrom(4 as const, 6 as const);

const span = fc
  .tuple(fc.constantFrom(0, ...PORTS), fc.constantFrom(...PORTS), fc.boolean())
  .map(([a, b, single]) =>
    single ? { first: b, last: b } : { first: Math.min(a, b), last: Math.max(a, b) },
  );
const ports = fc.array(span, { maxLength: 2 });
const addresses = (side: typeof LOCAL | typeof REMOTE): fc.Arbitrary<string[]> => {
  const blocks = ['192.0.2.0/24', '192.0.2.200/31', '0.0.0.0/0', '128.0.0.0/1', '192.0.2.11-192.0.2.12'];
  const blocks6 = [
    '2001:db8:77::/64',
    '2001:db8:77::200/127',
    '::/0',
    '8000::/1',
    '2001:db8:77::c-2001:db8:77::d',
  ];
  const one = fc.constantFrom<string>(...side[4], ...side[6], ...blocks, ...blocks6);
  return fc.oneof(
    { weight: 2, arbitrary: fc.constant<string[]>([]) },
    { weight: 3, arbitrary: fc.array(one, { maxLength: 3 }) },
  );
};

/** An exclusion that passes validation. @param programs that it may be for; for any one as often as for three of them */
export function exclusion(programs: readonly ApplicationMatch[]): fc.Arbitrary<Partial<Exclusion>> {
  return fc
    .record({
      disabled: fc.constantFrom(false, false, false, true),
      direction: fc.integer({ min: 0, max: 3 }),
      protocol: fc.constantFrom(undefined, 6, 6, 6, 17, 17, 17, 1, 58, ...OTHERS),
      localPorts: ports,
      remotePorts: ports,
      localAddresses: addresses(LOCAL),
      remoteAddresses: addresses(REMOTE),
      application: fc.constantFrom(undefined, undefined, undefined, ...programs),
    })
    .map((made) =>
      made.protocol === 6 || made.protocol === 17 ? made : { ...made, localPorts: [], remotePorts: [] },
    );
}

/** Half of them open a connection. */
const flags = fc.constantFrom<TcpFlags[]>(
  { syn: true, ack: false, fin: false, rst: false },
  { syn: true, ack: false, fin: false, rst: false },
  { syn: true, ack: true, fin: false, rst: false },
  { syn: false, ack: true, fin: false, rst: false },
  { syn: false, ack: false, fin: false, rst: true },
);

/**
 * @param icmpTypes of the messages of this IP version
 * @param others numbers of protocols without ports
 */
export function transport(
  version: 4 | 6,
  icmpTypes: readonly number[],
  others: readonly number[] = OTHERS,
): fc.Arbitrary<Transport> {
  const ends = { localPort: fc.constantFrom(...PORTS), remotePort: fc.constantFrom(...PORTS) };
  return fc.oneof(
    { weight: 4, arbitrary: fc.record({ protocol: fc.constant('tcp' as const), ...ends, flags }) },
    { weight: 4, arbitrary: fc.record({ protocol: fc.constant('udp' as const), ...ends }) },
    fc.record({
      protocol: fc.constant(version === 4 ? ('icmp' as const) : ('icmpv6' as const)),
      type: fc.constantFrom(...icmpTypes),
    }),
    fc.record({ protocol: fc.constant('other' as const), number: fc.constantFrom(...others) }),
  );
}
