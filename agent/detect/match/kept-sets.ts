import type { ItemType } from '../../../shared/ioc/model.js';
import type { MatchedItem } from '../../../shared/gen/cordon/v1/ioc.js';

/** Terms of one document that held for one item. Plain data: it is part of a checkpoint. */
export interface KeptSet {
  /** Numbers of the document's literals, ascending. */
  readonly literals: readonly number[];
  /** Value for which each of them held; empty: a negated one. */
  readonly values: readonly string[];
  /** An item for which they held. */
  readonly item: MatchedItem;
  /** The item is a process. */
  readonly process: { readonly pid: number; readonly startTime: number } | undefined;
}

/** Most sets of one document and kind of item, and of a whole scan: a checkpoint holds them all. */
export const MOST_KEPT_SETS = 1024;
export const MOST_KEPT_SETS_OF_SCAN = 4096;
/**
 * Most text in them, characters: a checkpoint goes to the agent twice a second, and a document that asks for hundreds of
 * pieces of a long text keeps that text for each piece.
 */
export const MOST_KEPT_TEXT = 1024 * 1024;
export const MOST_KEPT_TEXT_OF_SCAN = 3 * 1024 * 1024;

/** Plain data, by hash of the document and kind of item. */
export type KeptState = Record<string, Partial<Record<ItemType, readonly KeptSet[]>>>;

/**
 * What held so far for documents that ask for several kinds of items. Of each document and kind only the largest sets are
 * kept: trees of AND and OR hold for a set whenever they hold for a part of it.
 */
export class KeptSets {
  private readonly sets = new Map<string, Map<ItemType, KeptSet[]>>();
  private count = 0;
  private text = 0;

  /** @param state of an earlier process of this scan */
  constructor(state: KeptState = {}) {
    for (const [hash, byType] of Object.entries(state)) {
      for (const [type, sets] of Object.entries(byType) as [ItemType, readonly KeptSet[]][]) {
        this.listOf(hash, type).push(...sets);
        this.count += sets.length;
        this.text += textOf(sets);
      }
    }
  }

  /** Sets of a document, by kind of item. */
  of(hash: string): ReadonlyMap<ItemType, readonly KeptSet[]> {
    return this.sets.get(hash) ?? NONE;
  }

  /** Whether the same or more is kept already. */
  covers(hash: string, type: ItemType, literals: readonly number[]): boolean {
    return (
      this.of(hash)
        .get(type)
        ?.some((kept) => isPart(literals, kept.literals)) ?? false
    );
  }

  /** Keeps a set in place of those that are a part of it. False: there are too many, and it is not kept. */
  keep(hash: string, type: ItemType, set: KeptSet): boolean {
    const list = this.listOf(hash, type);
    const left = list.filter(({ literals }) => !isPart(literals, set.literals));
    const room =
      left.length < MOST_KEPT_SETS && this.count - list.length + left.length < MOST_KEPT_SETS_OF_SCAN;
    const [before, after] = [textOf(list), textOf(left) + textOf([set])];
    if (!room || after > MOST_KEPT_TEXT || this.text - before + after > MOST_KEPT_TEXT_OF_SCAN) return false;
    this.count += left.length + 1 - list.length;
    this.text += after - before;
    list.splice(0, list.length, ...left, set);
    return true;
  }

  /** As plain data. */
  state(): KeptState {
    return Object.fromEntries(
      [...this.sets].map(([hash, byType]) => [hash, Object.fromEntries(byType)] as const),
    );
  }

  private listOf(hash: string, type: ItemType): KeptSet[] {
    let byType = this.sets.get(hash);
    if (!byType) this.sets.set(hash, (byType = new Map<ItemType, KeptSet[]>()));
    let list = byType.get(type);
    if (!list) byType.set(type, (list = []));
    return list;
  }
}

const NONE: ReadonlyMap<ItemType, readonly KeptSet[]> = new Map();

/** Characters that sets take as text, numbers and punctuation guessed. */
function textOf(sets: readonly KeptSet[]): number {
  let text = 0;
  for (const { literals, values, item } of sets) {
    text += 100 + literals.length * 10;
    for (const value of values) text += value.length;
    for (const { term, value } of item.fields) text += term.length + value.length + 20;
  }
  return text;
}

/** Both ascending. */
function isPart(part: readonly number[], whole: readonly number[]): boolean {
  if (part.length > whole.length) return false;
  let at = 0;
  for (const literal of part) {
    while (at < whole.length && (whole[at] ?? 0) < literal) at += 1;
    if (whole[at] !== literal) return false;
  }
  return true;
}
