import { overLimit } from './document-error.js';
import {
  MAX_CONTENT_LENGTH,
  MAX_DOCUMENT_PATTERN_SIZE,
  MAX_GROUPS,
  MAX_NODE_ID_LENGTH,
  MAX_TERM_LENGTH,
  MAX_TERMS,
} from './limits.js';
import type { Condition, IocGroup, IocNode, IocTerm, TermProblem } from './model.js';
import { PatternBudget } from './pattern.js';
import { itemTypeOf, lookUpTerm } from './terms.js';
import { makeTest } from './values.js';

/** A term as a document writes it. */
export interface WrittenTerm {
  readonly id: string;
  readonly term: string;
  readonly condition: Condition;
  readonly negate: boolean;
  readonly content: string;
  readonly preserveCase: boolean;
}

/** Makes the nodes of one document, counts them, and keeps account of the terms that count as no match. */
export class TreeBuilder {
  readonly problems: TermProblem[] = [];
  private readonly patterns = new PatternBudget(MAX_DOCUMENT_PATTERN_SIZE);
  private terms = 0;
  private groups = 0;

  /** @throws IocDocumentError when the document has too many terms */
  term(written: WrittenTerm, line?: number): IocTerm {
    const entry = lookUpTerm(written.term);
    if (entry === undefined) return this.never(written, 'No device can look at this term.', line);
    const { condition, content, preserveCase } = written;
    const made = makeTest({ entry, condition, content, preserveCase }, this.patterns);
    if ('problem' in made) return this.never(written, made.problem, line);
    this.countTerm(line);
    const { negate } = written;
    const id = nodeId(written.id);
    const { term, itemType } = entry;
    return { kind: 'term', id, term, itemType, condition, negate, content, test: made.test };
  }

  /**
   * A term that counts as no match, and why. It is not negated, whatever the document says: that it is not understood must
   * not make it hold.
   * @throws IocDocumentError when the document has too many terms
   */
  never(written: WrittenTerm, detail: string, line?: number): IocTerm {
    this.countTerm(line);
    const id = nodeId(written.id);
    const term = lookUpTerm(written.term)?.term ?? written.term.slice(0, MAX_TERM_LENGTH);
    this.problems.push({ indicatorId: id, term, detail });
    return {
      kind: 'term',
      id,
      term,
      itemType: itemTypeOf(term),
      condition: written.condition,
      negate: false,
      content: written.content.slice(0, MAX_CONTENT_LENGTH),
      test: { kind: 'never' },
    };
  }

  /** Something of the document that is no term and counts as no match. */
  neverAtAll(id: string, what: string, detail: string, line?: number): IocTerm {
    const nothing = { condition: 'is', negate: false, content: '', preserveCase: false } as const;
    return this.never({ id, term: what, ...nothing }, detail, line);
  }

  /** A group, filled later by whoever asks for it; it must get a member before the tree is done. */
  group(id: string, operator: IocGroup['operator'], children: readonly IocNode[], line?: number): IocGroup {
    if ((this.groups += 1) > MAX_GROUPS) throw overLimit(`more than ${MAX_GROUPS} groups`, line);
    return { kind: 'group', id: nodeId(id), operator, children };
  }

  /** One node for several: the only one, or a group of them. There must be one at least. */
  join(id: string, operator: IocGroup['operator'], nodes: readonly IocNode[]): IocNode {
    const [only] = nodes;
    return only !== undefined && nodes.length === 1 ? only : this.group(id, operator, nodes);
  }

  private countTerm(line: number | undefined): void {
    if ((this.terms += 1) > MAX_TERMS) throw overLimit(`more than ${MAX_TERMS} terms`, line);
  }
}

const nodeId = (id: string): string => id.slice(0, MAX_NODE_ID_LENGTH);
