/** Whole numbers from first to last, both included, along one axis. */
export interface Span {
  readonly first: number;
  readonly last: number;
}

/** One span for each axis; every box of a tree has the same axes. */
export type Box = readonly Span[];

/** How much work a search may be, counted in comparisons, so that no list keeps a caller waiting. */
export class Effort {
  /** Comparisons so far; a little more than `most` at the end. */
  spent = 0;

  constructor(readonly most: number) {}

  get isSpent(): boolean {
    return this.spent > this.most;
  }

  spend(comparisons: number): void {
    this.spent += comparisons;
  }
}

interface Node {
  readonly bounds: Float64Array;
  /** Lowest index below this node. */
  readonly first: number;
  readonly below: { readonly low: Node; readonly high: Node } | undefined;
}

/** Boxes that are looked at to find the axis on which a set of them differs most. */
const SAMPLES = 32;

/** Finds the boxes that meet a box without comparing it with all of them. */
export class BoxTree {
  private readonly axes: number;
  /** First and last of each axis, box after box. */
  private readonly numbers: Float64Array;
  private readonly root: Node | undefined;

  constructor(boxes: readonly Box[]) {
    this.axes = boxes[0]?.length ?? 0;
    this.numbers = Float64Array.from(boxes.flatMap((box) => box.flatMap(({ first, last }) => [first, last])));
    this.root = boxes.length === 0 ? undefined : this.build(boxes.map((_, index) => index));
  }

  /** Calls `found` with the index of each box before box `index` that meets it on every axis, until the effort is spent. */
  meetingBefore(index: number, effort: Effort, found: (other: number) => void): void {
    const box = this.bounds(index);
    const open = this.root === undefined ? [] : [this.root];
    for (let node = open.pop(); node !== undefined; node = open.pop()) {
      if (node.first >= index) continue;
      if (effort.isSpent) return;
      effort.spend(1);
      if (!meets(node.bounds, box)) continue;
      if (node.below) open.push(node.below.high, node.below.low);
      else found(node.first);
    }
  }

  /** Halves the boxes along the axis on which their centres differ most, measured in places and not in distance. */
  private build(indexes: readonly number[]): Node {
    const [only = 0] = indexes;
    if (indexes.length === 1) return { bounds: this.bounds(only), first: only, below: undefined };
    const axis = this.widestAxis(indexes);
    const sorted =
      axis === undefined ? indexes : [...indexes].sort((a, b) => this.centre(a, axis) - this.centre(b, axis));
    const low = this.build(sorted.slice(0, sorted.length >> 1));
    const high = this.build(sorted.slice(sorted.length >> 1));
    const bounds = around(low.bounds, high.bounds);
    return { bounds, first: Math.min(low.first, high.first), below: { low, high } };
  }

  /** Undefined: the boxes that were looked at differ on no axis. */
  private widestAxis(indexes: readonly number[]): number | undefined {
    const stride = Math.max(1, Math.floor(indexes.length / SAMPLES));
    const samples = indexes.filter((_, place) => place % stride === 0);
    let best: number | undefined;
    let most = 1;
    for (let axis = 0; axis < this.axes; axis += 1) {
      const different = new Set(samples.map((index) => this.centre(index, axis))).size;
      if (different > most) [best, most] = [axis, different];
    }
    return best;
  }

  private centre(index: number, axis: number): number {
    const at = (index * this.axes + axis) * 2;
    return (this.numbers[at] ?? 0) + (this.numbers[at + 1] ?? 0);
  }

  private bounds(index: number): Float64Array {
    return this.numbers.subarray(index * this.axes * 2, (index + 1) * this.axes * 2);
  }
}

function meets(a: Float64Array, b: Float64Array): boolean {
  for (let at = 0; at < a.length; at += 2) {
    if ((a[at] ?? 0) > (b[at + 1] ?? 0) || (b[at] ?? 0) > (a[at + 1] ?? 0)) return false;
  }
  return true;
}

function around(a: Float64Array, b: Float64Array): Float64Array {
  return a.map((number, at) => {
    const other = b[at] ?? number;
    return at % 2 === 0 ? Math.min(number, other) : Math.max(number, other);
  });
}
