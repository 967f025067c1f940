import type { Family } from '../../../shared/exclusions/address.js';
import { byFirst, union, type Interval } from '../../../shared/exclusions/intervals.js';

/** One interval for each field of a concatenated nftables set: what one of its elements holds. */
export type Box = readonly Interval[];

/** A set takes so many elements for each box that goes into it; boxes that are cut into more get another set. */
const MOST_PIECES = 8;
/** So many boxes are looked at for each box, for the same reason: nested ranges would be looked at again and again. */
const MOST_LOOKS = 64;

/**
 * The same points as boxes that do not overlap: the kernel refuses a set whose concatenated intervals overlap. Ranges
 * that are nested in each other and differ in other fields multiply when they are cut, so boxes that do are shared out to
 * several sets, the small ones apart from the large ones.
 * @param boxes all with the same fields, at least one
 * @param quota where it is used up the largest boxes are left out: what they would let pass stays blocked
 */
export function disjoint(boxes: readonly Box[], quota: Quota): Box[][] {
  const merged = mergeAlong(mergeAlong(boxes, 0), (boxes[0]?.length ?? 1) - 1);
  const sized = merged.map((box) => ({ box, size: sizeOf(box) }));
  return share(
    sized.sort((a, b) => a.size - b.size),
    quota,
  );
}

/** Sets that may still be made. Each costs time to make, to load and for every packet. */
export interface Quota {
  left: number;
  /** Whether there were more boxes than it lasted for. */
  exceeded: boolean;
}

interface Sized {
  readonly box: Box;
  /** Binary logarithm of the number of points. */
  readonly size: number;
}

function sizeOf(box: Box): number {
  return box.reduce((size, { first, last }) => size + Math.log2(Number(last - first) + 1), 0);
}

/** Puts boxes together that differ along one axis only. */
function mergeAlong(boxes: readonly Box[], axis: number): Box[] {
  const groups = new Map<string, { readonly box: Box; readonly along: Interval[] }>();
  for (const box of boxes) {
    const key = box
      .map(({ first, last }, at) => (at === axis ? '' : `${first.toString(32)}-${last.toString(32)}`))
      .join(' ');
    const group = groups.get(key) ?? { box, along: [] };
    group.along.push(...box.slice(axis, axis + 1));
    groups.set(key, group);
  }
  return [...groups.values()].flatMap(({ box, along }) =>
    union(along).map((interval) => box.map((one, at) => (at === axis ? interval : one))),
  );
}

function share(sized: readonly Sized[], quota: Quota): Box[][] {
  if (sized.length === 0) return [];
  if (quota.left === 0) {
    quota.exceeded = true;
    return [];
  }
  const budget =
    sized.length === 1
      ? { pieces: Infinity, looks: Infinity }
      : { pieces: sized.length * MOST_PIECES, looks: sized.length * MOST_LOOKS };
  const cut = slice(
    sized.map(({ box }) => box),
    0,
    budget,
  );
  if (cut) {
    quota.left -= 1;
    return [cut];
  }
  const at = border(sized);
  return [...share(sized.slice(0, at), quota), ...share(sized.slice(at), quota)];
}

/** Where sizes differ most: networks lie beside each other, and within larger ones. The middle, if all are alike. */
function border(sized: readonly Sized[]): number {
  let best = Math.ceil(sized.length / 2);
  let most = 1;
  for (let at = 1; at < sized.length; at += 1) {
    const jump = (sized[at]?.size ?? 0) - (sized[at - 1]?.size ?? 0);
    if (jump > most) [best, most] = [at, jump];
  }
  return best;
}

interface Budget {
  pieces: number;
  looks: number;
}

/** Cuts at every border along one axis and each slab along the next. Undefined: the budget does not last for it. */
function slice(boxes: readonly Box[], axis: number, budget: Budget): Box[] | undefined {
  budget.looks -= boxes.length;
  if (budget.looks < 0) return undefined;
  const sides = boxes.map((box) => ({ box, along: box[axis] ?? { first: 0n, last: 0n } }));
  if (axis === (boxes[0]?.length ?? 0) - 1) {
    const ends = union(sides.map(({ along }) => along)).map((interval) => [interval]);
    budget.pieces -= ends.length;
    return budget.pieces < 0 ? undefined : ends;
  }
  sides.sort((a, b) => byFirst(a.along, b.along));
  const borders = [...new Set(sides.flatMap(({ along }) => [along.first, along.last + 1n]))];
  borders.sort((a, b) => (a < b ? -1 : 1));
  const result: Box[] = [];
  let active: typeof sides = [];
  let next = 0;
  for (const [index, first] of borders.entries()) {
    active = active.filter(({ along }) => along.last >= first);
    for (let side = sides[next]; side?.along.first === first; side = sides[next]) {
      active.push(side);
      next += 1;
    }
    const after = borders[index + 1];
    if (after === undefined || active.length === 0) continue;
    const [only] = active;
    if (only !== undefined && active.length === 1) {
      result.push([{ first, last: after - 1n }, ...only.box.slice(axis + 1)]);
      budget.pieces -= 1;
      if (budget.pieces < 0) return undefined;
      continue;
    }
    const rest = slice(
      active.map(({ box }) => box),
      axis + 1,
      budget,
    );
    if (rest === undefined) return undefined;
    for (const piece of rest) result.push([{ first, last: after - 1n }, ...piece]);
  }
  return result;
}

/** An interval of ports, or a protocol, as nft writes it. */
export function numberText({ first, last }: Interval): string {
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
