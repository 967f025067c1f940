import { ExclusionDirection, type ApplicationMatch, type Exclusion } from '../gen/cordon/v1/exclusion.js';
import { parseAddressRange, type Family } from './address.js';
import type { Pieces } from '../turns.js';
import type { Span } from './box-tree.js';
import {
  addressIntervals,
  isAnyAddress,
  isAnyPort,
  portIntervals,
  union,
  type Interval,
} from './intervals.js';

const ICMP = 1;
const ICMPV6 = 58;
const FAMILIES: readonly Family[] = [4, 6];

/**
 * What an exclusion matches in one IP version: on each axis the spans that it takes, ascending and apart; a packet must
 * lie in a span on every axis.
 */
export type Axes = readonly (readonly Span[])[];

/** How many axes there are. */
export const AXES = 7;
/** Which axis is which where that matters. */
export const AXIS = { remoteAddress: 0, localPort: 3 } as const;

/** What an exclusion matches, by IP version. A version that is missing has no packet for it. */
export type Reach = ReadonlyMap<Family, Axes>;

/** Numbers that stand for addresses, programs and host names of one list, small enough to compare quickly. */
interface Places {
  readonly address: ReadonlyMap<Interval, Span>;
  readonly host: (name: string) => number;
  readonly program: (name: string) => number;
}

/** Any address: holds every place, those of host names too, for whatever a name resolves to lies within it. */
export const ANY: Span = { first: -1, last: 2 ** 40 };

export const ANY_PORT: Span = { first: 0, last: 65_535 };

interface Parsed {
  readonly exclusion: Exclusion;
  readonly families: readonly {
    readonly family: Family;
    readonly local: readonly Interval[];
    readonly remote: readonly Interval[];
  }[];
}

/**
 * What each of a list of exclusions matches, in numbers that can be compared within this list only.
 * @throws AddressError for an address that validation should have refused
 */
export function* reachOf(exclusions: readonly Exclusion[]): Pieces<Reach[]> {
  const parsed: Parsed[] = [];
  for (const exclusion of exclusions) {
    parsed.push(parse(exclusion));
    yield;
  }
  const places = placesOf(parsed);
  yield;
  return parsed.map(({ exclusion, families }) => {
    const common = [
      portSpans(exclusion.remotePorts),
      portSpans(exclusion.localPorts),
      [exclusion.protocol === undefined ? ANY : point(exclusion.protocol)],
      [directionSpan(exclusion.direction)],
      [exclusion.application === undefined ? ANY : point(places.program(programName(exclusion.application)))],
    ];
    return new Map(
      families.map(({ family, local, remote }): [Family, Axes] => {
        const other =
          exclusion.remoteHost === ''
            ? addressSpans(remote, family, places)
            : [point(places.host(exclusion.remoteHost))];
        return [family, [other, addressSpans(local, family, places), ...common]];
      }),
    );
  });
}

/** ICMP is IPv4's and ICMPv6 is IPv6's: an IP version that has neither the protocol nor both sides' addresses is none. */
function parse(exclusion: Exclusion): Parsed {
  const locals = exclusion.localAddresses.map(parseAddressRange);
  const remotes = exclusion.remoteAddresses.map(parseAddressRange);
  const families = FAMILIES.filter((family) => exclusion.protocol !== (family === 4 ? ICMPV6 : ICMP))
    .map((family) => ({
      family,
      local: union(addressIntervals(locals, family)),
      remote: union(addressIntervals(remotes, family)),
    }))
    .filter(({ local, remote }) => local.length > 0 && remote.length > 0);
  return { exclusion, families };
}

function placesOf(parsed: readonly Parsed[]): Places {
  const intervals = parsed.flatMap(({ families }) =>
    families.flatMap(({ family, local, remote }) =>
      [...local, ...remote].filter((interval) => !isAnyAddress(interval, family)),
    ),
  );
  const places = placesAmong(intervals.flatMap(({ first, last }) => [first, last]));
  const numbering = (): ((name: string) => number) => {
    const known = new Map<string, number>();
    return (name) => {
      const place = known.get(name) ?? known.size;
      known.set(name, place);
      return place;
    };
  };
  const host = numbering();
  return {
    address: new Map(
      intervals.map((interval, index) => [
        interval,
        { first: places[index * 2] ?? NaN, last: places[index * 2 + 1] ?? NaN },
      ]),
    ),
    // Behind every address: what a name resolves to is not known here, so it lies in no range of addresses.
    host: (name) => places.length + host(name.toLowerCase().replace(/\.$/, '')),
    program: numbering(),
  };
}

/**
 * The place of each number among all of them, equal ones in one place. Sorted and not looked up: networks of IPv6 end in
 * the same 64 bits, and by those alone a map tells large numbers apart.
 */
function placesAmong(numbers: readonly bigint[]): readonly number[] {
  const order = numbers.map((_, index) => index);
  const at = (index: number | undefined): bigint => numbers[index ?? 0] ?? 0n;
  order.sort((a, b) => (at(a) < at(b) ? -1 : at(a) > at(b) ? 1 : 0));
  const places = new Array<number>(numbers.length);
  let place = 0;
  for (const [position, index] of order.entries()) {
    if (position > 0 && at(index) !== at(order[position - 1])) place += 1;
    places[index] = place;
  }
  return places;
}

function addressSpans(intervals: readonly Interval[], family: Family, { address }: Places): readonly Span[] {
  if (intervals.some((interval) => isAnyAddress(interval, family))) return [ANY];
  return intervals.map((interval) => address.get(interval) ?? { first: NaN, last: NaN });
}

function portSpans(ports: Exclusion['localPorts']): readonly Span[] {
  const intervals = union(portIntervals(ports));
  if (intervals.some(isAnyPort)) return [ANY_PORT];
  return intervals.map(({ first, last }) => ({ first: Number(first), last: Number(last) }));
}

function directionSpan(direction: ExclusionDirection): Span {
  switch (direction) {
    case ExclusionDirection.EXCLUSION_DIRECTION_INBOUND:
      return point(0);
    case ExclusionDirection.EXCLUSION_DIRECTION_OUTBOUND:
      return point(1);
    default:
      return { first: 0, last: 1 };
  }
}

function programName({ target }: ApplicationMatch): string {
  return target === undefined ? '' : `${target.$case} ${target.value}`;
}

function point(place: number): Span {
  return { first: place, last: place };
}
