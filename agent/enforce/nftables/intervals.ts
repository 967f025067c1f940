import type { Family } from '../../../shared/exclusions/address.js';
import { byFirst, union, type Interval } from '../../../shared/exclusions/intervals.js';

/** Addresses times ports: what one element of a concatenated nftables set holds. */
export interface Rectangle {
  readonly addresses: Interval;
  readonly ports: Interval;
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
