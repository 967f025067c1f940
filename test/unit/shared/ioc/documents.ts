import type { IocDocument, IocGroup, IocNode, IocTerm } from '../../../../shared/ioc/model.js';
import { parseIoc } from '../../../../shared/ioc/parse.js';

/** Documents that tests write, and what they look at in those that come out. */

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

/** An OpenIOC 1.0 document with these groups. */
export const openIoc = (body: string): string =>
  `<ioc id="doc"><short_description>Doc</short_description><definition>${body}</definition></ioc>`;

export interface ItemFields {
  readonly term?: string;
  readonly condition?: string;
  readonly content?: string;
  /** More attributes of the indicator item. */
  readonly more?: string;
}

export function item({
  term = 'FileItem/FileName',
  condition = 'is',
  content = 'a',
  more = '',
}: ItemFields): string {
  return `<IndicatorItem id="i" condition="${condition}" ${more}><Context search="${term}"/><Content>${content}</Content></IndicatorItem>`;
}

export const anyOf = (...members: string[]): string =>
  `<Indicator id="g" operator="OR">${members.join('')}</Indicator>`;

/** A STIX indicator with a pattern. */
export const stixIndicator = (pattern: string, more: object = {}): object => ({
  type: 'indicator',
  id: 'indicator--1',
  name: 'One',
  pattern_type: 'stix',
  pattern,
  ...more,
});

export const stixBundle = (...objects: object[]): string =>
  JSON.stringify({ type: 'bundle', id: 'bundle--1', objects });

/** 2026-01-01, UTC. */
export const NOW = Date.UTC(2026, 0, 1);

export const parse = (text: string): IocDocument => parseIoc(bytes(text), NOW);

export const parsePattern = (pattern: string): IocDocument => parse(JSON.stringify(stixIndicator(pattern)));

/** All nodes, root first, in reading order. */
export function nodesOf(root: IocNode): IocNode[] {
  const nodes: IocNode[] = [];
  const left = [root];
  for (let node = left.pop(); node; node = left.pop()) {
    nodes.push(node);
    if (node.kind === 'group') left.push(...node.children.toReversed());
  }
  return nodes;
}

export const termsIn = ({ root }: IocDocument): IocTerm[] =>
  nodesOf(root).filter((node): node is IocTerm => node.kind === 'term');

export const groupsIn = ({ root }: IocDocument): IocGroup[] =>
  nodesOf(root).filter((node): node is IocGroup => node.kind === 'group');

/** A tree in short: `(a is x OR not (...))`. */
export function shape(node: IocNode): string {
  if (node.kind === 'group') return `(${node.children.map(shape).join(` ${node.operator} `)})`;
  const plain =
    node.test.kind === 'never' ? `never ${node.term}` : `${node.term} ${node.condition} ${node.content}`;
  return node.negate ? `not ${plain}` : plain;
}
