import {
  ExclusionDirection,
  ExclusionHintKind,
  type Exclusion,
  type ExclusionHint,
} from '../gen/cordon/v1/exclusion.js';
import { atOnce, type Pieces } from '../turns.js';
import { BoxTree, Effort, type Span } from './box-tree.js';
import { defaultExclusions } from './profiles.js';
import { ANY, ANY_PORT, AXES, AXIS, reachOf, type Reach } from './reach.js';

/** ExclusionHint lists hold no more. */
const MOST_HINTS = 100;
/** Comparisons after which the search for pairs ends, so that no list keeps a caller waiting: some 0.1 s. */
const MOST_COMPARISONS = 1_500_000;
/** Comparing two exclusions in full costs as much as so many looks at a node of the tree, and one more for each span. */
const PAIR_COMPARISONS = 10;

/** Profiles that every new list begins with. */
const DEFAULT_PROFILES = new Set(defaultExclusions().map(({ source }) => source?.profileId));

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
 * @param effort how long pairs are searched for; says afterwards how much that was
 */
export function exclusionHints(
  exclusions: readonly Exclusion[],
  effort: Effort = new Effort(MOST_COMPARISONS),
): ExclusionHint[] {
  return atOnce(hintsOf(exclusions, effort));
}

/** The same in pieces. */
export function* hintsOf(
  exclusions: readonly Exclusion[],
  effort: Effort = new Effort(MOST_COMPARISONS),
): Pieces<ExclusionHint[]> {
  const enabled = exclusions.filter(({ disabled }) => !disabled);
  const reaches = yield* reachOf(enabled);
  const { redundant, overlapping } = yield* comparePairs(reaches, effort);
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
    if (isUsual(exclusion) || !isWide(exclusion, reaches[index])) continue;
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

function* comparePairs(reaches: readonly Reach[], effort: Effort): Pieces<Pairs> {
  // One box for each IP version of each exclusion, and the exclusions that they are of.
  const bounds: number[] = [];
  const owners: number[] = [];
  for (const [index, reach] of reaches.entries()) {
    for (const [family, axes] of reach) {
      owners.push(index);
      for (const spans of axes) bounds.push(spans[0]?.first ?? 0, spans.at(-1)?.last ?? 0);
      bounds.push(family, family);
    }
  }
  const tree = new BoxTree(Float64Array.from(bounds), AXES + 1);
  yield;
  const redundant = new Map<number, number>();
  const overlapping: [number, number][] = [];

  const compare = (index: number, other: number): void => {
    const a = reaches[index];
    const b = reaches[other];
    if (a === undefined || b === undefined) return;
    effort.spend(PAIR_COMPARISONS + spansOf(a) + spansOf(b));
    if (contains(b, a)) {
      if (!redundant.has(index)) redundant.set(index, other);
    } else if (contains(a, b)) {
      if (!redundant.has(other)) redundant.set(other, index);
    } else if (overlapping.length < MOST_HINTS && overlaps(a, b)) {
      overlapping.push([index, other]);
    }
  };
  // Each pair once, from its later exclusion, and where both IP versions meet not a second time.
  let met = new Set<number>();
  let last = 0;
  for (const [part, index] of owners.entries()) {
    if (effort.isSpent || redundant.size >= MOST_HINTS) break;
    if (index !== last) [last, met] = [index, new Set()];
    yield;
    tree.meetingBefore(part, effort, (earlier) => {
      const other = owners[earlier];
      if (other === undefined || met.has(other)) return;
      met.add(other);
      compare(index, other);
    });
  }
  return { redundant, overlapping };
}

function spansOf(reach: Reach): number {
  let sum = 0;
  for (const axes of reach.values()) for (const spans of axes) sum += spans.length;
  return sum;
}

/** Whether `outer` takes every packet that `inner` takes. */
function contains(outer: Reach, inner: Reach): boolean {
  for (const [family, axes] of inner) {
    const around = outer.get(family);
    if (!around?.every((spans, axis) => spansContain(spans, axes[axis] ?? []))) return false;
  }
  return true;
}

/** Whether some packet is taken by both. */
function overlaps(a: Reach, b: Reach): boolean {
  for (const [family, axes] of a) {
    if (b.get(family)?.every((spans, axis) => spansMeet(spans, axes[axis] ?? []))) return true;
  }
  return false;
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

/** Every list begins with these rules; docs/security.md says what can be carried out through them. */
function isUsual({ source }: Exclusion): boolean {
  return source !== undefined && DEFAULT_PROFILES.has(source.profileId);
}

/** Data leaves through a connection that this computer opens to anywhere, or that anybody opens to any of its ports. */
function isWide(exclusion: Exclusion, reach: Reach | undefined): boolean {
  if (exclusion.application !== undefined || exclusion.remoteHost !== '') return false;
  return [...(reach?.values() ?? [])].some((axes) => {
    const anyone = axes[AXIS.remoteAddress]?.[0] === ANY;
    const anyPort = axes[AXIS.localPort]?.[0] === ANY_PORT;
    return anyone && (opensHere(exclusion) || anyPort);
  });
}

function whyWide(exclusion: Exclusion): string {
  return opensHere(exclusion)
    ? 'any program may open connections to any address with it: data can be carried out; name remote addresses or a program'
    : 'any address may open connections to any program with it: data can be carried out; name local ports or remote addresses';
}

function opensHere({ direction }: Exclusion): boolean {
  return direction !== ExclusionDirection.EXCLUSION_DIRECTION_INBOUND;
}
