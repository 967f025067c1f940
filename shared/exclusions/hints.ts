import {
  ExclusionDirection,
  ExclusionHintKind,
  type Exclusion,
  type ExclusionHint,
} from '../gen/cordon/v1/exclusion.js';
import { parseAddressRange, type Family } from './address.js';
import { BoxTree, type Box, type Span } from './box-tree.js';
import { addressIntervals, isAnyAddress, isAnyPort, portIntervals, union } from './intervals.js';
import { reachOf, type Axes, type Reach } from './reach.js';

/** ExclusionHint lists hold no more. */
const MOST_HINTS = 100;
/** Comparisons after which the search for pairs ends, so that no list keeps a caller waiting: some 0.3 s. */
const MOST_STEPS = 4_000_000;
/** Comparing two exclusions in full costs as much as so many looks at a node of the tree, and one more for each span. */
const PAIR_STEPS = 10;

const {
  EXCLUSION_HINT_KIND_REDUNDANT: REDUNDANT,
  EXCLUSION_HINT_KIND_OVERLAPPING: OVERLAPPING,
  EXCLUSION_HINT_KIND_MATCHES_NOTHING: MATCHES_NOTHING,
  EXCLUSION_HINT_KIND_WIDE: WIDE,
} = ExclusionHintKind;

/**
 * What is allowed in a list of exclusions and probably not meant; at most 100 hints, those first that say that a rule does
 * nothing of its own. Disabled exclusions are not considered. A pair is compared as two single rules: that several others
 * together cover one is not found. In a list of many thousands that overlap without end the search for pairs stops early.
 * @param exclusions a list that passed `validateExclusions`
 */
export function exclusionHints(exclusions: readonly Exclusion[]): ExclusionHint[] {
  const enabled = exclusions.filter(({ disabled }) => !disabled);
  const reaches = reachOf(enabled);
  const { redundant, overlapping } = comparePairs(reaches);
  const name = (index: number): string => enabled[index]?.name ?? '';
  const hints: ExclusionHint[] = [];
  for (const [index, reach] of reaches.entries()) {
    const exclusion = enabled[index];
    if (exclusion === undefined || reach.size > 0) continue;
    hints.push({ kind: MATCHES_NOTHING, name: exclusion.name, other: '', detail: whyNothing(exclusion) });
  }
  for (const [index, other] of redundant) {
    const detail = `everything that it allows, "${name(other)}" allows too; one of the two can go`;
    hints.push({ kind: REDUNDANT, name: name(index), other: name(other), detail });
  }
  for (const [index, exclusion] of enabled.entries()) {
    if (reaches[index]?.size === 0 || !isWide(exclusion)) continue;
    hints.push({ kind: WIDE, name: exclusion.name, other: '', detail: whyWide(exclusion) });
  }
  for (const [index, other] of overlapping) {
    if (redundant.has(index) || redundant.has(other)) continue;
    const detail = `part of what it allows, "${name(other)}" allows too; removing one of them does not close that part`;
    hints.push({ kind: OVERLAPPING, name: name(index), other: name(other), detail });
  }
  return hints.slice(0, MOST_HINTS);
}

interface Pairs {
  /** Index of an exclusion to that of the one that allows all of it. */
  readonly redundant: ReadonlyMap<number, number>;
  /** The later one of a list first. */
  readonly overlapping: readonly (readonly [number, number])[];
}

function comparePairs(reaches: readonly Reach[]): Pairs {
  const parts = reaches.flatMap((reach, index) =>
    [...reach].map(([family, axes]) => ({ index, box: boundsOf(family, axes) })),
  );
  const tree = new BoxTree(parts.map(({ box }) => box));
  const redundant = new Map<number, number>();
  const overlapping: [number, number][] = [];
  const seen = new Set<number>();
  let steps = 0;
  const step = (): boolean => (steps += 1) <= MOST_STEPS && redundant.size < MOST_HINTS;

  for (const { index, box } of parts) {
    tree.meeting(
      box,
      (part) => {
        const other = parts[part]?.index ?? index;
        const a = reaches[index];
        const b = reaches[other];
        const pair = index * reaches.length + other;
        // Each pair once, from its later exclusion.
        if (other >= index || a === undefined || b === undefined || seen.has(pair)) return;
        seen.add(pair);
        steps += PAIR_STEPS + spansOf(a) + spansOf(b);
        if (contains(b, a)) {
          if (!redundant.has(index)) redundant.set(index, other);
        } else if (contains(a, b)) {
          if (!redundant.has(other)) redundant.set(other, index);
        } else if (overlapping.length < MOST_HINTS && overlaps(a, b)) {
          overlapping.push([index, other]);
        }
      },
      step,
    );
  }
  return { redundant, overlapping };
}

function boundsOf(family: Family, axes: Axes): Box {
  const bounds = axes.map((spans): Span => ({ first: spans[0]?.first ?? 0, last: spans.at(-1)?.last ?? 0 }));
  return [...bounds, { first: family, last: family }];
}

function spansOf(reach: Reach): number {
  let sum = 0;
  for (const axes of reach.values()) for (const spans of axes) sum += spans.length;
  return sum;
}

/** Whether `outer` takes every packet that `inner` takes. */
function contains(outer: Reach, inner: Reach): boolean {
  return [...inner].every(([family, axes]) => {
    const around = outer.get(family);
    return around !== undefined && axes.every((spans, axis) => spansContain(around[axis] ?? [], spans));
  });
}

/** Whether some packet is taken by both. */
function overlaps(a: Reach, b: Reach): boolean {
  return [...a].some(([family, axes]) => {
    const other = b.get(family);
    return other !== undefined && axes.every((spans, axis) => spansMeet(other[axis] ?? [], spans));
  });
}

function spansContain(outer: readonly Span[], inner: readonly Span[]): boolean {
  let place = 0;
  return inner.every(({ first, last }) => {
    while ((outer[place]?.last ?? Infinity) < first) place += 1;
    const around = outer[place];
    return around !== undefined && around.first <= first && last <= around.last;
  });
}

function spansMeet(a: readonly Span[], b: readonly Span[]): boolean {
  let place = 0;
  return b.some(({ first, last }) => {
    while ((a[place]?.last ?? Infinity) < first) place += 1;
    const found = a[place];
    return found !== undefined && found.first <= last;
  });
}

function whyNothing({ protocol, localAddresses, remoteAddresses }: Exclusion): string {
  if (protocol === 1 && [...localAddresses, ...remoteAddresses].some((text) => text.includes(':'))) {
    return 'ICMP is a protocol of IPv4 and the addresses are IPv6; ICMPv6 is protocol 58';
  }
  if (protocol === 58 && [...localAddresses, ...remoteAddresses].some((text) => text.includes('.'))) {
    return 'ICMPv6 is a protocol of IPv6 and the addresses are IPv4; ICMP is protocol 1';
  }
  return 'local_addresses and remote_addresses have no IP version in common, so no packet has both';
}

/** Data leaves through a connection that this computer opens to anywhere, or that anybody opens to any of its ports. */
function isWide(exclusion: Exclusion): boolean {
  if (exclusion.application !== undefined || exclusion.remoteHost !== '') return false;
  const ranges = exclusion.remoteAddresses.map(parseAddressRange);
  const anyone = ([4, 6] as const).some((family) =>
    union(addressIntervals(ranges, family)).some((interval) => isAnyAddress(interval, family)),
  );
  return anyone && (opensHere(exclusion) || union(portIntervals(exclusion.localPorts)).some(isAnyPort));
}

function whyWide(exclusion: Exclusion): string {
  return opensHere(exclusion)
    ? 'any program may open connections to any address with it: data can be carried out; name remote addresses or a program'
    : 'any address may open connections to any program with it: data can be carried out; name local ports or remote addresses';
}

function opensHere({ direction }: Exclusion): boolean {
  return direction !== ExclusionDirection.EXCLUSION_DIRECTION_INBOUND;
}
