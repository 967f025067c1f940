import type { ItemType } from '../../../shared/ioc/model.js';
import { FEWEST_TRIES, findCompanions, type Search } from './combination.js';
import { FALSE, TRUE, UNKNOWN, type CompiledDocument, type Truth } from './document.js';
import { Evaluation, type Documents, type WithoutHit } from './evaluation.js';
import type { KeptSet, KeptSets } from './kept-sets.js';
import { cheapestOf, needOf } from './needs.js';
import type { TestIndex } from './test-index.js';

/** Searches that are remembered for one document: files come by the million and hold the same few sets of terms. */
const MOST_REMEMBERED = 10_000;
/** Searches of one document that may be given up; from then on there are short ones only, so that others get their turn. */
const MOST_GIVEN_UP = 10;

/**
 * The documents from the view of one kind of items. Made when the items of the kinds before it are all known: what held for
 * those is fixed from then on.
 */
export class TypeMatcher implements Documents {
  private readonly documents: readonly CompiledDocument[];
  private readonly byTest = new Map<number, CompiledDocument[]>();
  private readonly literals = new Map<CompiledDocument, readonly number[]>();
  private readonly needsBy = new Map<CompiledDocument, number>();
  /** Literals of other kinds that held for any item. */
  private readonly elsewhere = new Map<CompiledDocument, ReadonlySet<number>>();
  private readonly withoutHit = new Map<number, WithoutHit>();
  private readonly searches = new Map<CompiledDocument, Map<string, Search>>();
  private readonly givenUp = new Map<CompiledDocument, number>();

  constructor(
    readonly type: ItemType,
    documents: readonly CompiledDocument[],
    readonly tests: TestIndex,
    private readonly kept: KeptSets,
  ) {
    this.documents = documents.filter(({ types }) => types.has(type));
    for (const document of this.documents) this.prepare(document);
  }

  evaluation(): Evaluation {
    return new Evaluation(this);
  }

  literalsOf(document: CompiledDocument): readonly number[] {
    return this.literals.get(document) ?? [];
  }

  needsOf(document: CompiledDocument): number {
    return this.needsBy.get(document) ?? 0;
  }

  documentsOf(tests: readonly number[]): Set<CompiledDocument> {
    return new Set(tests.flatMap((test) => this.byTest.get(test) ?? []));
  }

  needsWithoutHit(known: number): WithoutHit {
    let found = this.withoutHit.get(known);
    if (!found) {
      const documents = this.documents.filter((document) => this.mayHoldWithoutHit(document, known));
      const needs = documents.reduce((sum, document) => sum | (this.needsOf(document) & ~known), 0);
      found = { documents, needs: cheapestOf(needs) };
      this.withoutHit.set(known, found);
    }
    return found;
  }

  mayHold(document: CompiledDocument, stateOf: (literal: number) => Truth): boolean {
    const elsewhere = this.elsewhere.get(document);
    return document.holds(
      (literal) => {
        if (document.literals[literal]?.type === this.type) return stateOf(literal);
        return elsewhere?.has(literal) ? TRUE : FALSE;
      },
      (literal) => document.literals[literal]?.type === this.type,
      UNKNOWN,
    );
  }

  holdsCertainly(document: CompiledDocument, held: readonly number[]): boolean {
    return held.length > 0 && this.search(document, held).kind === 'found';
  }

  /** Items of other kinds with which the document holds. @param held literals that held for the item at hand */
  search(document: CompiledDocument, held: readonly number[]): Search {
    let remembered = this.searches.get(document);
    if (!remembered) this.searches.set(document, (remembered = new Map<string, Search>()));
    const key = held.join();
    let search = remembered.get(key);
    if (!search) {
      const givenUp = this.givenUp.get(document) ?? 0;
      const tries = givenUp < MOST_GIVEN_UP ? undefined : FEWEST_TRIES;
      search = findCompanions(document, this.type, held, this.kept.of(document.hash), tries);
      if (search.kind === 'too many') this.givenUp.set(document, givenUp + 1);
      if (remembered.size < MOST_REMEMBERED) remembered.set(key, search);
    }
    return search;
  }

  private prepare(document: CompiledDocument): void {
    const own: number[] = [];
    let needs = 0;
    document.literals.forEach(({ term, test, type, stage }, number) => {
      if (type !== this.type) return;
      own.push(number);
      needs |= needOf(term.term, stage);
      if (term.negate) return;
      const users = this.byTest.get(test);
      if (!users) this.byTest.set(test, [document]);
      else if (users.at(-1) !== document) users.push(document);
    });
    this.literals.set(document, own);
    this.needsBy.set(document, needs);
    const sets: KeptSet[] = [...this.kept.of(document.hash).values()].flat();
    if (sets.length > 0) this.elsewhere.set(document, new Set(sets.flatMap(({ literals }) => literals)));
  }

  /** A negated term may hold only beside one that is not negated: there must be such a one that is still unknown. */
  private mayHoldWithoutHit(document: CompiledDocument, known: number): boolean {
    if ((this.needsOf(document) & ~known) === 0) return false;
    const isKnown = (literal: number): boolean => {
      const { term, stage } = document.literals[literal] ?? {};
      if (!term || stage === undefined) return true;
      const need = needOf(term.term, stage);
      return (known & need) === need;
    };
    const isNegated = (literal: number): boolean => document.literals[literal]?.term.negate ?? false;
    if (!this.literalsOf(document).some((literal) => !isNegated(literal) && !isKnown(literal))) return false;
    return this.mayHold(document, (literal) => (isKnown(literal) && !isNegated(literal) ? FALSE : UNKNOWN));
  }
}
