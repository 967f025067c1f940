/** Whole numbers from first to last, both included, along one axis. */
export interface Span {
  readonly first: number;
  readonly last: number;
}

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

/** Boxes that are looked at to find the axis on which a set of them differs most. */
const SAMPLES = 32;

/**
 * Finds the boxes that meet a box without comparing it with all of them. Boxes and nodes are rows of numbers, the first
 * and the last of each axis: one object for each would cost more than all comparisons.
 */
export class BoxTree {
  private readonly width: number;
  /** Bounds of the nodes, row after row. */
  private readonly bounds: Float64Array;
  /** Of each node, the lowest box below it. */
  private readonly lowest: Int32Array;
  /** Of each node, its two parts; -1: it is a box. */
  private readonly low: Int32Array;
  private readonly high: Int32Array;
  private nodes = 0;

  /** @param boxes one row of `axes` pairs for each box */
  constructor(
    private readonly boxes: Float64Array,
    private readonly axes: number,
  ) {
    this.width = 2 * axes;
    const count = boxes.length / this.width;
    const most = Math.max(0, 2 * count - 1);
    this.bounds = new Float64Array(most * this.width);
    this.lowest = new Int32Array(most);
    this.low = new Int32Array(most).fill(-1);
    this.high = new Int32Array(most).fill(-1);
    if (count > 0) this.build(Int32Array.from({ length: count }, (_, index) => index));
  }

  /** Calls `found` with the index of each box before box `index` that meets it on every axis, until the effort is spent. */
  meetingBefore(index: number, effort: Effort, found: (other: number) => void): void {
    const open = this.nodes === 0 ? [] : [0];
    for (let node = open.pop(); node !== undefined; node = open.pop()) {
      const lowest = this.lowest[node] ?? 0;
      if (lowest >= index) continue;
      if (effort.isSpent) return;
      effort.spend(1);
      if (!this.meets(node, index)) continue;
      const low = this.low[node] ?? -1;
      if (low < 0) found(lowest);
      else open.push(this.high[node] ?? -1, low);
    }
  }

  /** Halves the boxes along the axis on which their centres differ most, measured in places and not in distance. */
  private build(indexes: Int32Array): number {
    const node = this.nodes;
    this.nodes += 1;
    if (indexes.length === 1) {
      const index = indexes[0] ?? 0;
      this.lowest[node] = index;
      this.bounds.set(this.boxes.subarray(index * this.width, (index + 1) * this.width), node * this.width);
      return node;
    }
    const axis = this.widestAxis(indexes);
    if (axis !== undefined) indexes.sort((a, b) => this.centre(a, axis) - this.centre(b, axis));
    const low = this.build(indexes.subarray(0, indexes.length >> 1));
    const high = this.build(indexes.subarray(indexes.length >> 1));
    this.low[node] = low;
    this.high[node] = high;
    this.lowest[node] = Math.min(this.lowest[low] ?? 0, this.lowest[high] ?? 0);
    for (let at = 0; at < this.width; at += 1) {
      const choose = at % 2 === 0 ? Math.min : Math.max;
      this.bounds[node * this.width + at] = choose(this.boundOf(low, at), this.boundOf(high, at));
    }
    return node;
  }

  /** Undefined: the boxes that were looked at differ on no axis. */
  private widestAxis(indexes: Int32Array): number | undefined {
    const stride = Math.max(1, Math.floor(indexes.length / SAMPLES));
    let best: number | undefined;
    let most = 1;
    for (let axis = 0; axis < this.axes; axis += 1) {
      const different = new Set<number>();
      for (let at = 0; at < indexes.length; at += stride) different.add(this.centre(indexes[at] ?? 0, axis));
      if (different.size > most) [best, most] = [axis, different.size];
    }
    return best;
  }

  private meets(node: number, index: number): boolean {
    for (let at = 0; at < this.width; at += 2) {
      const box = index * this.width + at;
      if (this.boundOf(node, at) > (this.boxes[box + 1] ?? 0)) return false;
      if ((this.boxes[box] ?? 0) > this.boundOf(node, at + 1)) return false;
    }
    return true;
  }

  private boundOf(node: number, at: number): number {
    return this.bounds[node * this.width + at] ?? 0;
  }

  private centre(index: number, axis: number): number {
    const at = index * this.width + 2 * axis;
    return (this.boxes[at] ?? 0) + (this.boxes[at + 1] ?? 0);
  }
}
