import type { IocDocument, IocNode, IocTerm, ItemType } from '../../../shared/ioc/model.js';
import { NO_STAGE, stageOf, type Stage } from './stages.js';
import type { TestIndex } from './test-index.js';

/** A term of a document that can hold. */
export interface Literal {
  readonly term: IocTerm;
  readonly type: ItemType;
  /** Number in the index of tests. */
  readonly test: number;
  readonly stage: Stage;
}

/** How sure it is that something holds. */
export const FALSE = 0;
export const UNKNOWN = 1;
export const TRUE = 2;
export type Truth = typeof FALSE | typeof UNKNOWN | typeof TRUE;

const LEAF = 0;
const AND = 1;
const OR = 2;

/**
 * A document's tree as flat lists, members before their group, the root last: a tree of any depth is worked out in one pass
 * without calls within calls.
 */
export class CompiledDocument {
  readonly literals: Literal[] = [];
  /** Kinds of items that its terms ask for. */
  readonly types: ReadonlySet<ItemType>;
  private readonly nodes: IocNode[] = [];
  private readonly parents: number[] = [];
  private readonly kinds: number[] = [];
  /** Number of the literal of a node; -1: the node is a group, or a term that never holds. */
  private readonly literalAt: number[] = [];
  private readonly values: Uint8Array;
  private readonly reached: Uint8Array;

  /**
   * @param hash SHA-256 of its content, hex
   * @param disabled kinds of items that are not looked at: their terms never hold
   */
  constructor(
    readonly document: IocDocument,
    readonly hash: string,
    tests: TestIndex,
    disabled: ReadonlySet<string>,
  ) {
    this.flatten(tests, disabled);
    this.types = new Set(this.literals.map(({ type }) => type));
    this.values = new Uint8Array(this.nodes.length);
    this.reached = new Uint8Array(this.nodes.length);
  }

  /** Nodes of the tree. */
  get size(): number {
    return this.nodes.length;
  }

  /**
   * Works the tree out. A literal counts where it takes part: where all groups above it hold too.
   * @param stateOf how sure each literal is
   * @param counts asked for each literal that takes part until it says true
   * @param least TRUE: what certainly holds; UNKNOWN: what may hold
   * @returns whether the tree holds and a literal that counts takes part
   */
  holds(
    stateOf: (literal: number) => Truth,
    counts: (literal: number) => boolean,
    least: typeof TRUE | typeof UNKNOWN,
  ): boolean {
    this.work(stateOf, least);
    for (let at = this.nodes.length - 1; at >= 0; at--) {
      const literal = this.literalAt[at] ?? -1;
      if (literal >= 0 && this.reached[at] === 1 && counts(literal)) return true;
    }
    return false;
  }

  /** The part of the tree that takes part, in reading order, where the tree holds. */
  *matched(held: ReadonlySet<number>): Generator<{ node: IocNode; depth: number; literal: number }> {
    this.work((literal) => (held.has(literal) ? TRUE : FALSE), TRUE);
    const reached = this.reached.slice();
    // Members stand before their group and in their own order: reading order is found by going down from the root.
    const members = new Map<number, number[]>();
    for (let at = 0; at < this.nodes.length - 1; at++) {
      if (reached[at] !== 1) continue;
      const parent = this.parents[at] ?? -1;
      const list = members.get(parent);
      if (list) list.push(at);
      else members.set(parent, [at]);
    }
    const root = this.nodes.length - 1;
    const open = reached[root] === 1 ? [{ at: root, depth: 0 }] : [];
    for (let next = open.pop(); next; next = open.pop()) {
      const { at, depth } = next;
      const node = this.nodes[at];
      if (node) yield { node, depth, literal: this.literalAt[at] ?? -1 };
      for (const member of (members.get(at) ?? []).reverse()) open.push({ at: member, depth: depth + 1 });
    }
  }

  private work(stateOf: (literal: number) => Truth, least: number): void {
    const { nodes, values, reached, kinds, parents, literalAt } = this;
    // An empty group does not hold, whatever its operator.
    for (let at = 0; at < nodes.length; at++) values[at] = kinds[at] === AND ? TRUE + 1 : FALSE;
    for (let at = 0; at < nodes.length; at++) {
      const literal = literalAt[at] ?? -1;
      if (literal >= 0) values[at] = stateOf(literal);
      else if (values[at] === TRUE + 1) values[at] = FALSE;
      const value = values[at] ?? FALSE;
      const parent = parents[at] ?? -1;
      if (parent < 0) continue;
      const sofar = values[parent] ?? FALSE;
      values[parent] = kinds[parent] === AND ? Math.min(sofar, value) : Math.max(sofar, value);
    }
    for (let at = nodes.length - 1; at >= 0; at--) {
      const parent = parents[at] ?? -1;
      const above = parent < 0 || reached[parent] === 1;
      reached[at] = above && (values[at] ?? FALSE) >= least ? 1 : 0;
    }
  }

  private flatten(tests: TestIndex, disabled: ReadonlySet<string>): void {
    // Numbers are given in the order root, last member, ..., first member: turned round, members come before their group.
    const order: { readonly node: IocNode; readonly parent: number }[] = [];
    const open: { readonly node: IocNode; readonly parent: number }[] = [
      { node: this.document.root, parent: -1 },
    ];
    for (let next = open.pop(); next; next = open.pop()) {
      const at = order.push(next) - 1;
      if (next.node.kind === 'group') for (const node of next.node.children) open.push({ node, parent: at });
    }
    for (const { node, parent } of order.reverse()) {
      this.nodes.push(node);
      this.parents.push(parent < 0 ? -1 : order.length - 1 - parent);
      if (node.kind === 'group') {
        this.kinds.push(node.operator === 'AND' ? AND : OR);
        this.literalAt.push(-1);
      } else {
        this.kinds.push(LEAF);
        this.literalAt.push(this.literalOf(node, tests, disabled));
      }
    }
  }

  private literalOf(term: IocTerm, tests: TestIndex, disabled: ReadonlySet<string>): number {
    const { itemType: type, test } = term;
    if (type === undefined || test.kind === 'never' || disabled.has(type)) return -1;
    const stage = type === 'FileItem' ? stageOf(term.term) : NO_STAGE;
    return this.literals.push({ term, type, test: tests.add(term.term, test, !term.negate), stage }) - 1;
  }
}
