import { MAX_CONTENT_LENGTH } from '../limits.js';
import type { IocNode } from '../model.js';
import { itemTypeOf } from '../terms.js';
import type { TreeBuilder } from '../tree-builder.js';
import { questionsOf, type Comparison, type Question } from './comparison.js';
import { findPath, type Aim, type Aims } from './object-paths.js';

/** What is written in one case on every system, or compared so: expressions too do not mind the case there. */
const CASELESS: ReadonlySet<string | undefined> = new Set(['DnsEntryItem', 'Network', 'RegistryItem']);

/**
 * A STIX comparison as a node of the tree. Case does not count, as everywhere in OpenIOC, unless the document wrote a regular
 * expression. Of a negated comparison nothing may hold that would make the plain one hold.
 * @param id of the indicator
 */
export function comparisonNode(builder: TreeBuilder, id: string, comparison: Comparison): IocNode {
  const finder = findPath(comparison);
  if (finder === undefined) return never(builder, id, comparison, 'No device can look at this property.');
  const questions = questionsOf(comparison);
  if ('problem' in questions) return never(builder, id, comparison, questions.problem);
  const { negated } = comparison;
  const outer = negated ? 'AND' : 'OR';
  const nodes = questions.alternatives.flatMap((question) => {
    const { how, aims } = finder(question);
    const terms = aims.map((aim) => termOf(builder, id, aim, negated));
    const inner = operatorOf(how, negated);
    return inner === outer ? terms : [builder.join(id, inner, terms)];
  });
  return builder.join(id, outer, nodes);
}

function operatorOf(how: Aims['how'], negated: boolean): 'AND' | 'OR' {
  return (how === 'all') === negated ? 'OR' : 'AND';
}

function termOf(builder: TreeBuilder, id: string, { term, question }: Aim, negate: boolean): IocNode {
  const { condition, content } = question;
  return builder.term({ id, term, condition, negate, content, preserveCase: countsCase(term, question) });
}

function countsCase(term: string, { expression }: Question): boolean {
  return expression && !CASELESS.has(itemTypeOf(term));
}

function never(builder: TreeBuilder, id: string, { path, values }: Comparison, detail: string): IocNode {
  const content = (values[0] ?? '').slice(0, MAX_CONTENT_LENGTH);
  return builder.never(
    { id, term: path, condition: 'is', negate: false, content, preserveCase: false },
    detail,
  );
}
