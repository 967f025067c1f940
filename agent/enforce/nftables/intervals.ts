import type { AddressRange, Family } from '../../../shared/exclusions/address.js';
import type { Ports } from '../plan.js';

/** Whole numbers from first to last, both included: ports, or addresses as numbers. */
export interface Interval {
  readonly first: bigint;
  readonly last: bigint;
}

/** Addresses times ports: what one element of a concatenated nftables set holds. */
export interface Rectangle {
  readonly addresses: Interval;
  readonly ports: Interval;
}

const ANY_PORT: Interval = { first: 0n, last: 65_535n };

/** Ports as intervals; none means any. */
export function portIntervals(ports: readonly Ports[]): Interval[] {
  if (ports.length === 0) return [ANY_PORT];
  return ports.map(({ first, last }) => ({ first: BigInt(first), last: BigInt(last) }));
}

/** Addresses of one IP version as intervals. */
export function addressIntervals(ranges: readonly AddressRange[], family: Family): Interval[] {
  return ranges
    .filter((range) => range.family === family)
    .map(({ first, last }) => ({ first: toNumber(first), last: toNumber(last) }));
}

/** Fewest intervals that hold the same numbers, ascending, neither overlapping nor touching. */
export function union(intervals: readonly Interval[]): Interval[] {
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

/**
 * The same points as rectangles that do not overlap: the kernel refuses a set whose concatenated intervals overlap.
 * Cuts the addresses at every border and takes the union of the ports of each slice. Ranges nested in each other with
 * different ports multiply, so a list that grows eightfold is halved into two sets instead.
 */
export function disjoint(rectangles: readonly Rectangle[]): Rectangle[][] {
  if (rectangles.length === 0) return [];
  const limit = rectangles.length === 1 ? Infinity : rectangles.length * 8;
  const sliced = slice(rectangles, limit);
  if (sliced) return [sliced];
  const half = Math.ceil(rectangles.length / 2);
  return [...disjoint(rectangles.slice(0, half)), ...disjoint(rectangles.slice(half))];
}

function slice(rectangles: readonly Rectangle[], limit: number): Rectangle[] | undefined {
  const byStart = [...rectangles].sort((a, b) => byFirst(a.addresses, b.addresses));
  const borders = [...new Set(byStart.flatMap(({ addresses }) => [addresses.first, addresses.last + 1n]))];
  borders.sort((a, b) => (a < b ? -1 : 1));
  const result: Rectangle[] = [];
  let active: Rectangle[] = [];
  let next = 0;
  for (const [index, first] of borders.entries()) {
    active = active.filter(({ addresses }) => addresses.last >= first);
    for (let candidate = byStart[next]; candidate?.addresses.first === first; candidate = byStart[next]) {
      active.push(candidate);
      next += 1;
    }
    const after = borders[index + 1];
    if (after === undefined || active.length === 0) continue;
    for (const ports of union(active.map((rectangle) => rectangle.ports))) {
      result.push({ addresses: { first, last: after - 1n }, ports });
    }
    if (result.length > limit) return undefined;
  }
  return result;
}

/** An interval of ports as nft writes it. */
export function portText({ first, last }: Interval): string {
  return first === last ? `${first}` : `${first}-${last}`;
}

/** An interval of addresses as nft writes it. */
export function addressText({ first, last }: Interval, family: Family): string {
  const text = toAddress(first, family);
  return first === last ? text : `${text}-${toAddress(last, family)}`;
}

/** Reads canonical text only, as `AddressRange` has it: a plan can hold 10,000 exclusions with 256 addresses each. */
function toNumber(address: string): bigint {
  if (!address.includes(':')) {
    return BigInt(address.split('.').reduce((number, part) => number * 256 + Number(part), 0));
  }
  const [head, tail] = address.split('::').map((half) => (half === '' ? [] : half.split(':')));
  const known = [...(head ?? []), ...(tail ?? [])];
  const groups = [...(head ?? []), ...Array<string>(8 - known.length).fill('0'), ...(tail ?? [])];
  return BigInt(`0x${groups.map((group) => group.padStart(4, '0')).join('')}`);
}

function toAddress(number: bigint, family: Family): string {
  if (family === 4) {
    const bits = Number(number);
    return [bits >>> 24, (bits >>> 16) & 255, (bits >>> 8) & 255, bits & 255].join('.');
  }
  return number
    .toString(16)
    .padStart(32, '0')
    .replace(/(.{4})(?=.)/g, '$1:');
}

function byFirst(a: Interval, b: Interval): number {
  return a.first < b.first ? -1 : a.first > b.first ? 1 : 0;
}
