import type { Item, Value } from '../../agent/detect/item.js';
import {
  fold,
  type Condition,
  type IocDocument,
  type IocGroup,
  type IocNode,
  type IocTerm,
  type ItemType,
  type Test,
} from '../../shared/ioc/model.js';

/** Documents and items for tests of the matcher, as the parser and the collectors make them. */

export function document(root: IocNode, id = 'doc'): IocDocument {
  const group = root.kind === 'group' ? root : any(root);
  return { id, name: `Document ${id}`, description: '', format: 'openioc-1.1', root: group, problems: [] };
}

export function all(...children: readonly IocNode[]): IocGroup {
  return { kind: 'group', id: 'all', operator: 'AND', children };
}

export function any(...children: readonly IocNode[]): IocGroup {
  return { kind: 'group', id: 'any', operator: 'OR', children };
}

/** @param term for example `FileItem/FileName` */
export function term(name: string, test: Test, condition: Condition = 'is', content = ''): IocTerm {
  const itemType = name.split('/', 1)[0] as ItemType;
  return { kind: 'term', id: `id of ${name}`, term: name, itemType, condition, negate: false, content, test };
}

export function not(positive: IocTerm): IocTerm {
  return { ...positive, negate: true };
}

/** Text without regard to case. */
export function text(
  name: string,
  content: string,
  how: 'is' | 'contains' | 'starts-with' | 'ends-with' = 'is',
): IocTerm {
  return term(name, { kind: 'text', how, text: fold(content), foldCase: true }, how, content);
}

export function hash(name: string, hex: string): IocTerm {
  return term(name, { kind: 'hash', hex }, 'is', hex);
}

export function number(name: string, from: number, to = from): IocTerm {
  return term(name, { kind: 'number', ranges: [{ from, to }] }, 'is', `${from} TO ${to}`);
}

export function item(type: ItemType, properties: Readonly<Record<string, Value | readonly Value[]>>): Item {
  const values = Object.entries(properties).map(
    ([name, value]) => [`${type}/${name}`, typeof value === 'object' ? value : [value]] as const,
  );
  return { type, values: new Map(values) };
}
