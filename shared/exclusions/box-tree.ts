/** Whole numbers from first to last, both included, along one axis. */
export interface Span {
  readonly first: number;
  readonly last: number;
}

/** One span for each axis; every box of a tree has the same axes. */
export type Box = readonly Span[];

type Node =
  | { readonly bounds: Box; readonly leaf: number }
  | { readonly bounds: Box; readonly low: Node; readonly high: Node };

/** Finds the boxes that meet a box without comparing it with all of them. */
export class BoxTree {
  private readonly root: Node | undefined;

  constructor(private readonly boxes: readonly Box[]) {
    this.root = boxes.length === 0 ? undefined : this.build(boxes.map((_, index) => index));
  }

  /**
   * Calls `found` with the index of each box that meets `box` on every axis.
   * @param step called at each comparison; false ends the search
   */
  meeting(box: Box, found: (index: number) => void, step: () => boolean): void {
    const open = this.root === undefined ? [] : [this.root];
    for (let node = open.pop(); node !== undefined; node = open.pop()) {
      if (!step()) return;
      if (!meets(node.bounds, box)) continue;
      if ('leaf' in node) found(node.leaf);
      else open.push(node.high, node.low);
    }
  }

  /** Halves the boxes along the axis on which their centres differ most, measured in places and not in distance. */
  private build(indexes: readonly number[]): Node {
    const [only] = indexes;
    if (only !== undefined && indexes.length === 1) return { bounds: this.boxes[only] ?? [], leaf: only };
    const axis = this.widestAxis(indexes);
    const sorted = [...indexes].sort((a, b) => this.centre(a, axis) - this.centre(b, axis));
    const low = this.build(sorted.slice(0, sorted.length >> 1));
    const high = this.build(sorted.slice(sorted.length >> 1));
    return { bounds: low.bounds.map((span, index) => around(span, high.bounds[index] ?? span)), low, high };
  }

  private widestAxis(indexes: readonly number[]): number {
    const axes = this.boxes[indexes[0] ?? 0]?.length ?? 0;
    let best = 0;
    let most = 0;
    for (let axis = 0; axis < axes; axis += 1) {
      const different = new Set(indexes.map((index) => this.centre(index, axis))).size;
      if (different > most) [best, most] = [axis, different];
    }
    return best;
  }

  private centre(index: number, axis: number): number {
    const span = this.boxes[index]?.[axis];
    return span === undefined ? 0 : span.first + span.last;
  }
}

function meets(a: Box, b: Box): boolean {
  return a.every(({ first, last }, axis) => {
    const other = b[axis];
    return other !== undefined && first <= other.last && other.first <= last;
  });
}

function around(a: Span, b: Span): Span {
  return { first: Math.min(a.first, b.first), last: Math.max(a.last, b.last) };
}
