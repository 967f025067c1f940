import type { Value } from '../item.js';
import { FALSE, TRUE, UNKNOWN, type CompiledDocument, type Truth } from './document.js';
import { cheapestOf, needOf } from './needs.js';
import type { TestIndex } from './test-index.js';

/** A document and the terms of it that held for the item. */
export interface Held {
  readonly document: CompiledDocument;
  /** Ascending. */
  readonly literals: readonly number[];
}

/** What files cost of which nothing is known that a document asks for. */
export interface WithoutHit {
  /** As bits. */
  readonly needs: number;
  readonly documents: readonly CompiledDocument[];
}

/** The documents from the view of one kind of items. */
export interface Documents {
  readonly tests: TestIndex;
  /** Documents that have one of these tests as a term that is not negated. */
  documentsOf(tests: readonly number[]): ReadonlySet<CompiledDocument>;
  /** Numbers of the document's literals that are asked of this kind, ascending. */
  literalsOf(document: CompiledDocument): readonly number[];
  /** Everything that the document may ever need to know of a file, as bits. */
  needsOf(document: CompiledDocument): number;
  /** What is needed of a file for which no term has held so far. @param known as bits */
  needsWithoutHit(known: number): WithoutHit;
  /** Whether the document may hold with a term of this kind, given how sure those are. */
  mayHold(document: CompiledDocument, stateOf: (literal: number) => Truth): boolean;
  /** Whether the document holds with these literals of this kind alone or with items of other kinds. */
  holdsCertainly(document: CompiledDocument, held: readonly number[]): boolean;
}

/** What is known of one item, and which documents are open because of that. */
export class Evaluation {
  readonly values = new Map<string, readonly Value[]>();
  /** Everything that was found out, as the bits of what is needed; names are known from the start. */
  known = 0;
  /** Numbers of the tests that held. */
  private readonly hits: number[] = [];

  constructor(private readonly of: Documents) {}

  /**
   * Adds what a stage told.
   * @param known bits of what is known now; what has no value then, the item does not have
   */
  add(values: Iterable<readonly [string, readonly Value[]]>, known: number): void {
    for (const [term, list] of values) {
      this.values.set(term, list);
      this.of.tests.hits(term, list, this.hits);
    }
    this.known |= known;
  }

  /** Whether any term held that is not negated. */
  get anyHeld(): boolean {
    return this.hits.length > 0;
  }

  /** What is needed next, as bits. */
  needs(): number {
    if (this.hits.length === 0) return this.of.needsWithoutHit(this.known).needs;
    const hit = new Set(this.hits);
    const candidates = this.of.documentsOf(this.hits);
    let needs = 0;
    for (const document of candidates) {
      if (!this.isOpen(document, hit)) continue;
      needs |= this.of.needsOf(document) & ~this.known;
    }
    for (const document of this.of.needsWithoutHit(this.known).documents) {
      if (!candidates.has(document)) needs |= this.of.needsOf(document) & ~this.known;
    }
    return cheapestOf(needs);
  }

  /** Documents of which terms held, each with them. What was not found out does not hold. */
  held(): Held[] {
    if (this.hits.length === 0) return [];
    const hit = new Set(this.hits);
    return [...this.of.documentsOf(this.hits)].map((document) => ({
      document,
      literals: this.certain(document, hit),
    }));
  }

  /** Whether more about the item could make a document hold that does not certainly hold already. */
  private isOpen(document: CompiledDocument, hit: ReadonlySet<number>): boolean {
    if ((this.of.needsOf(document) & ~this.known) === 0) return false;
    const stateOf = (literal: number): Truth => this.stateOf(document, literal, hit);
    if (!this.of.mayHold(document, stateOf)) return false;
    return !this.of.holdsCertainly(document, this.certain(document, hit));
  }

  private certain(document: CompiledDocument, hit: ReadonlySet<number>): number[] {
    return this.of.literalsOf(document).filter((literal) => this.stateOf(document, literal, hit) === TRUE);
  }

  private stateOf(document: CompiledDocument, number: number, hit: ReadonlySet<number>): Truth {
    const literal = document.literals[number];
    if (literal === undefined) return FALSE;
    const { term, test, stage } = literal;
    const need = needOf(term.term, stage);
    const isKnown = (this.known & need) === need;
    if (!term.negate) return hit.has(test) ? TRUE : isKnown ? FALSE : UNKNOWN;
    if (!isKnown) return UNKNOWN;
    const values = this.values.get(term.term);
    // A property that the item does not have holds neither way.
    if (!values || values.length === 0 || this.of.tests.holds(test, values)) return FALSE;
    // Only documents of which a positive term held are worked out: a negated one alone says nothing.
    return TRUE;
  }
}
