import type { AddressRange, Family } from './address.js';

/** Whole numbers from first to last, both included: ports, or addresses as numbers. */
export interface Interval {
  readonly first: bigint;
  readonly last: bigint;
}

const ANY_PORT: Interval = { first: 0n, last: 65_535n };
const ANY_ADDRESS: Readonly<Record<Family, Interval>> = {
  4: { first: 0n, last: (1n << 32n) - 1n },
  6: { first: 0n, last: (1n << 128n) - 1n },
};

/** Ports as intervals; none means any. */
export function portIntervals(
  ports: readonly { readonly first: number; readonly last: number }[],
): Interval[] {
  if (ports.length === 0) return [ANY_PORT];
  return ports.map(({ first, last }) => ({ first: BigInt(first), last: BigInt(last) }));
}

/** Addresses of one IP version as intervals; no range at all means any, ranges of the other version only mean none. */
export function addressIntervals(ranges: readonly AddressRange[], family: Family): Interval[] {
  if (ranges.length === 0) return [ANY_ADDRESS[family]];
  return ranges
    .filter((range) => range.family === family)
    .map(({ first, last }) => ({ first: addressNumber(first), last: addressNumber(last) }));
}

/** Whether an interval holds every port. */
export function isAnyPort({ first, last }: Interval): boolean {
  return first === ANY_PORT.first && last === ANY_PORT.last;
}

/** Whether an interval holds every address of an IP version. */
export function isAnyAddress({ first, last }: Interval, family: Family): boolean {
  return first === ANY_ADDRESS[family].first && last === ANY_ADDRESS[family].last;
}

/** Fewest intervals that hold the same numbers, ascending, neither overlapping nor touching. */
export function union(intervals: readonly Interval[]): readonly Interval[] {
  if (intervals.length < 2) return intervals;
  const merged: Interval[] = [];
  for (const next of [...intervals].sort(byFirst)) {
    const last = merged.at(-1);
    if (last && next.first <= last.last + 1n) {
      merged[merged.length - 1] = { first: last.first, last: next.last > last.last ? next.last : last.last };
    } else {
      merged.push(next);
    }
  }
  return merged;
}

/** Order by the first number. */
export function byFirst(a: Interval, b: Interval): number {
  return a.first < b.first ? -1 : a.first > b.first ? 1 : 0;
}

/** Reads canonical text only, as `AddressRange` has it: a list can hold 100,000 addresses. */
export function addressNumber(address: string): bigint {
  if (!address.includes(':')) {
    return BigInt(address.split('.').reduce((number, part) => number * 256 + Number(part), 0));
  }
  const [head, tail] = address.split('::').map((half) => (half === '' ? [] : half.split(':')));
  const known = [...(head ?? []), ...(tail ?? [])];
  const groups = [...(head ?? []), ...Array<string>(8 - known.length).fill('0'), ...(tail ?? [])];
  return BigInt(`0x${groups.map((group) => group.padStart(4, '0')).join('')}`);
}
