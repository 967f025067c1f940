import type { IocDocument, ItemType } from '../../../shared/ioc/model.js';
import { ITEM_TYPES } from '../../../shared/ioc/model.js';
import type { Item, Value } from '../item.js';
import type { ScanMatch } from '../scan-messages.js';
import type { Companions } from './combination.js';
import { CompiledDocument } from './document.js';
import type { Evaluation, Held } from './evaluation.js';
import { matchKey } from './identity.js';
import type { KeptSets } from './kept-sets.js';
import { type KeptSet } from './kept-sets.js';
import { heldValues, matchedItem, matchedNodes } from './matched.js';
import { TestIndex } from './test-index.js';
import { TypeMatcher } from './type-matcher.js';

/** A document that is used. */
export interface MatcherDocument {
  /** SHA-256 of its content, hex. */
  readonly hash: string;
  readonly document: IocDocument;
}

/** Something that kept the matcher from telling all. */
export type MatcherProblem = (document: IocDocument, detail: string) => void;

/**
 * Says which documents match. A document matches where its tree holds for a set of items, at most one of each kind:
 * - Terms of one kind are asked of the same item; kinds combine across the device.
 * - A negated term holds for an item that has the property and none of whose values passes, and only beside a term of that
 *   kind in the document that is not negated and holds for the same item: negation excludes, it never finds.
 * - A term whose property the item does not have, or that cannot be known, holds neither way.
 * - Of several values, one is enough for a term, and none may pass for a negated one.
 *
 * Kinds are looked at one after the other, files last. A match is told once for each item that takes part in it and is of
 * the last kind among those of the match: for each file where files take part.
 */
export class Matcher {
  private readonly tests = new TestIndex();
  private readonly documents: readonly CompiledDocument[];
  private readonly troubled = new Set<string>();

  /**
   * @param disabled kinds of items that are not looked at: their terms never hold
   * @param kept what held so far, of an earlier process of this scan
   */
  constructor(
    documents: readonly MatcherDocument[],
    disabled: ReadonlySet<string>,
    readonly kept: KeptSets,
    private readonly problem: MatcherProblem,
  ) {
    this.documents = documents.map(
      ({ document, hash }) => new CompiledDocument(document, hash, this.tests, disabled),
    );
  }

  /** Kinds of items that the documents ask for. */
  types(): ReadonlySet<ItemType> {
    return new Set(this.documents.flatMap(({ types }) => [...types]));
  }

  /** Terms that the documents ask for, of one kind. */
  terms(type: ItemType): ReadonlySet<string> {
    return new Set(this.literalsOf(type).map(({ term }) => term.term));
  }

  /** Texts that the documents ask for literally, whole or in part, of one kind, by term. */
  texts(type: ItemType): ReadonlyMap<string, readonly string[]> {
    const texts = new Map<string, Set<string>>();
    for (const { term } of this.literalsOf(type)) {
      if (term.test.kind !== 'text' || term.negate) continue;
      const list = texts.get(term.term);
      if (list) list.add(term.content);
      else texts.set(term.term, new Set([term.content]));
    }
    return new Map([...texts].map(([term, list]) => [term, [...list]]));
  }

  /** The documents from the view of one kind, after all kinds before it. */
  of(type: ItemType): TypeMatcher {
    return new TypeMatcher(type, this.documents, this.tests, this.kept);
  }

  /** Works out an item that is known as a whole. */
  matchesOf(view: TypeMatcher, item: Item): ScanMatch[] {
    const evaluation = view.evaluation();
    evaluation.add(item.values, ~0);
    return this.conclude(view, evaluation, () => item.values);
  }

  /**
   * What an item comes to once all is known of it that is needed. What held is kept for documents that ask for other kinds
   * too.
   * @param values everything that is known of it, for people; asked only if some term held
   */
  conclude(
    view: TypeMatcher,
    evaluation: Evaluation,
    values: () => ReadonlyMap<string, readonly Value[]>,
  ): ScanMatch[] {
    const all = evaluation.held();
    if (all.length === 0) return [];
    const item: Item = { type: view.type, values: values() };
    return all.flatMap((held) => {
      this.keep(held, item);
      const search = view.search(held.document, held.literals);
      if (search.kind === 'too many') {
        this.trouble(held.document, 'it has too many combinations of items; not all of them were tried');
      }
      return search.kind === 'found' ? [this.matchOf(held, item, search.companions)] : [];
    });
  }

  private keep({ document, literals }: Held, item: Item): void {
    // Nothing comes after files.
    if (item.type === 'FileItem' || document.types.size < 2 || literals.length === 0) return;
    if (this.kept.covers(document.hash, item.type, literals)) return;
    const set: KeptSet = {
      literals,
      values: heldValues(document, literals, item, this.tests),
      item: matchedItem(document, item),
      process: processOf(item),
    };
    if (!this.kept.keep(document.hash, item.type, set)) {
      this.trouble(
        document,
        'too many different items hold a part of it; not all of them are combined with others',
      );
    }
  }

  private matchOf({ document, literals }: Held, item: Item, companions: Companions): ScanMatch {
    const values = new Map<number, string>();
    const add = (numbers: readonly number[], texts: readonly string[]): void =>
      numbers.forEach((number, at) => values.set(number, texts[at] ?? ''));
    add(literals, heldValues(document, literals, item, this.tests));
    for (const set of companions.values()) add(set.literals, set.values);
    const processes = [processOf(item), ...[...companions.values()].map(({ process }) => process)];
    const path = item.type === 'FileItem' ? item.values.get('FileItem/FullPath')?.[0] : undefined;
    return {
      key: matchKey(document.hash, item),
      documentHash: document.hash,
      documentId: document.document.id,
      documentName: document.document.name,
      items: [matchedItem(document, item), ...[...companions.values()].map((set) => set.item)],
      ...matchedNodes(document, values),
      file: typeof path === 'string' ? path : undefined,
      process: processes.find((process) => process !== undefined),
    };
  }

  private literalsOf(type: ItemType) {
    return this.documents.flatMap(({ literals }) => literals.filter((literal) => literal.type === type));
  }

  private trouble(document: CompiledDocument, detail: string): void {
    const key = `${document.hash} ${detail}`;
    if (this.troubled.has(key)) return;
    this.troubled.add(key);
    this.problem(document.document, detail);
  }
}

/** Kinds in the order in which they are looked at: what a match leads with comes last. */
export const SCAN_ORDER: readonly ItemType[] = [
  ...ITEM_TYPES.filter((type) => type !== 'FileItem' && type !== 'ProcessItem'),
  'ProcessItem',
  'FileItem',
];

function processOf({ type, values }: Item): ScanMatch['process'] {
  if (type !== 'ProcessItem') return undefined;
  const pid = values.get('ProcessItem/pid')?.[0];
  const startTime = values.get('ProcessItem/startTime')?.[0];
  return typeof pid === 'number' && typeof startTime === 'number' ? { pid, startTime } : undefined;
}
