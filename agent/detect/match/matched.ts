import type { ItemField, MatchedItem, MatchedNode } from '../../../shared/gen/cordon/v1/ioc.js';
import type { IocTerm, ItemType } from '../../../shared/ioc/model.js';
import type { Item, Value } from '../item.js';
import type { CompiledDocument } from './document.js';
import { identifyingTerms } from './identity.js';
import type { TestIndex } from './test-index.js';

/** Limits of IocMatch. */
const MOST_NODES = 200;
const MOST_FIELDS = 64;
const LONGEST_VALUE = 1024;
/** Values of one property that are told. */
const MOST_VALUES = 16;

/** What a person wants to know of an item besides what the document asks for, if it is known. */
const TELLING: Readonly<Partial<Record<ItemType, readonly string[]>>> = {
  FileItem: [
    'SizeInBytes',
    'Md5sum',
    'Sha1sum',
    'Sha256sum',
    'Username',
    'Created',
    'Modified',
    'Accessed',
    'Changed',
  ],
  ProcessItem: ['name', 'path', 'arguments', 'Username', 'parentpid'],
  PortItem: ['process', 'path', 'state'],
  ServiceItem: ['path', 'arguments', 'status'],
  RegistryItem: ['Value', 'Text', 'Modified'],
  EventLogItem: ['message', 'user'],
  SystemInfoItem: ['hostname'],
};

/** Properties that are milliseconds since 1970. */
const TIMES: ReadonlySet<string> = new Set([
  'FileItem/Created',
  'FileItem/Modified',
  'FileItem/Accessed',
  'FileItem/Changed',
  'FileItem/PEInfo/PETimeStamp',
  'FileItem/PEInfo/Exports/ExportsTimeStamp',
  'ProcessItem/startTime',
  'PortItem/CreationTime',
  'RegistryItem/Modified',
  'UserItem/LastLogin',
  'VolumeItem/CreationTime',
  'SystemInfoItem/date',
  'SystemInfoItem/installDate',
  'EventLogItem/genTime',
  'EventLogItem/writeTime',
]);

/** A value as people read it, up to 1024 characters. */
export function valueText(term: string, value: Value): string {
  if (typeof value === 'number' && TIMES.has(term) && Math.abs(value) <= 8.64e15) {
    return new Date(value).toISOString();
  }
  return cut(String(value));
}

/** What is told of an item that matched: what says which one it is, what the document asks for, and what helps. */
export function matchedItem(document: CompiledDocument, { type, values }: Item): MatchedItem {
  const asked = document.literals.filter((literal) => literal.type === type).map(({ term }) => term.term);
  const telling = (TELLING[type] ?? []).map((name) => `${type}/${name}`);
  const fields: ItemField[] = [];
  for (const term of new Set([...identifyingTerms(type), ...telling, ...asked])) {
    for (const value of (values.get(term) ?? []).slice(0, MOST_VALUES)) {
      if (fields.length < MOST_FIELDS) fields.push({ term, value: valueText(term, value) });
    }
  }
  return { itemType: type, fields };
}

/** Values for which literals held; empty text for a negated one. */
export function heldValues(
  document: CompiledDocument,
  literals: readonly number[],
  item: Item,
  tests: TestIndex,
): string[] {
  return literals.map((number) => {
    const literal = document.literals[number];
    if (!literal || literal.term.negate) return '';
    const { term, test } = literal;
    const value = tests.firstHolding(test, item.values.get(term.term) ?? []);
    return value === undefined ? '' : valueText(term.term, value);
  });
}

/** The part of the tree that held. @param values by literal that held */
export function matchedNodes(
  document: CompiledDocument,
  values: ReadonlyMap<number, string>,
): { nodes: MatchedNode[]; nodesOmitted: number } {
  const nodes: MatchedNode[] = [];
  let nodesOmitted = 0;
  for (const { node, depth, literal } of document.matched(new Set(values.keys()))) {
    if (nodes.length === MOST_NODES) {
      nodesOmitted += 1;
      continue;
    }
    nodes.push({
      depth,
      indicatorId: node.id,
      node:
        node.kind === 'group'
          ? { $case: 'group', value: { operator: node.operator } }
          : { $case: 'term', value: termText(node, values.get(literal) ?? '') },
    });
  }
  return { nodes, nodesOmitted };
}

function termText(
  { term, condition, negate, content }: IocTerm,
  value: string,
): { term: string; condition: string; content: string; value: string } {
  return { term, condition: negate ? `not ${condition}` : condition, content: cut(content), value };
}

function cut(text: string): string {
  if (text.length <= LONGEST_VALUE) return text;
  // Not in the middle of a character of two units.
  return text.slice(0, LONGEST_VALUE).replace(/[\ud800-\udbff]$/, '');
}
