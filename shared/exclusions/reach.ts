import { ExclusionDirection, type ApplicationMatch, type Exclusion } from '../gen/cordon/v1/exclusion.js';
import { parseAddressRange, type Family } from './address.js';
import type { Span } from './box-tree.js';
import { addressIntervals, isAnyAddress, portIntervals, union, type Interval } from './intervals.js';

const ICMP = 1;
const ICMPV6 = 58;
const FAMILIES: readonly Family[] = [4, 6];

/**
 * What an exclusion matches in one IP version: on each axis the spans that it takes, ascending and apart; a packet must
 * lie in a span on every axis.
 */
export type Axes = readonly (readonly Span[])[];

/** What an exclusion matches, by IP version. A version that is missing has no packet for it. */
export type Reach = ReadonlyMap<Family, Axes>;

/** Numbers that keep the order of addresses, programs and host names of one list, small enough to compare quickly. */
interface Places {
  readonly address: ReadonlyMap<bigint, number>;
  readonly host: (name: string) => number;
  readonly program: (name: string) => number;
}

/** Holds every place, those of host names too: whatever a name resolves to lies within any address. */
const ANY: Span = { first: -1, last: 2 ** 40 };

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
export function reachOf(exclusions: readonly Exclusion[]): Reach[] {
  const parsed = exclusions.map(parse);
  const places = placesOf(parsed);
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
  const borders = new Set<bigint>();
  for (const { families } of parsed) {
    for (const { local, remote } of families) {
      for (const { first, last } of [...local, ...remote]) borders.add(first).add(last);
    }
  }
  const sorted = [...borders].sort((a, b) => (a < b ? -1 : 1));
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
    address: new Map(sorted.map((border, place) => [border, place])),
    // Behind every address: what a name resolves to is not known here, so it lies in no range of addresses.
    host: (name) => sorted.length + host(name.toLowerCase().replace(/\.$/, '')),
    program: numbering(),
  };
}

function addressSpans(intervals: readonly Interval[], family: Family, { address }: Places): Span[] {
  if (intervals.some((interval) => isAnyAddress(interval, family))) return [ANY];
  return intervals.map(({ first, last }) => ({
    first: address.get(first) ?? NaN,
    last: address.get(last) ?? NaN,
  }));
}

function portSpans(ports: Exclusion['localPorts']): Span[] {
  return union(portIntervals(ports)).map(({ first, last }) => ({ first: Number(first), last: Number(last) }));
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
