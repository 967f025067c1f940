import { expect } from 'chai';
import type { Collector, CollectRequest, Item, Value } from '../../../../../agent/detect/item.js';
import { parseIoc } from '../../../../../shared/ioc/parse.js';
import { KeptSets } from '../../../../../agent/detect/match/kept-sets.js';
import { Matcher } from '../../../../../agent/detect/match/matcher.js';
import { lookUpTerm, type ValueKind } from '../../../../../shared/ioc/terms.js';

/** What is known of a real thing without asking the collector: the value itself, or how to tell that it is right. */
export type Known = Value | ((value: Value) => boolean);

export interface RealThing {
  readonly item: Item;
  /** By term without the item type. There must be one for every term of the collector. */
  readonly known: Readonly<Record<string, Known>>;
}

/**
 * For every term of a collector, a test in which a document about the real thing matches it, and one that is a little
 * different does not. A term that nothing is known about fails.
 */
export function itTellsEveryTerm(collector: Pick<Collector, 'terms'>, find: () => Promise<RealThing>): void {
  let real: RealThing;

  before(async function () {
    this.timeout(20_000);
    real = await find();
  });

  for (const term of collector.terms) {
    it(`${term} matches the real thing, and a near miss does not`, () => checkTerm(term, real));
  }
}

/** @throws AssertionError or Error when a document about the thing does not match it, or one about another one does */
export function checkTerm(term: string, { item, known: all }: RealThing): void {
  const known = all[term.slice(term.indexOf('/') + 1)];
  if (known === undefined) throw new Error(`the test knows nothing about ${term}`);
  const values = item.values.get(term) ?? [];
  const value = typeof known === 'function' ? values.find(known) : known;
  if (value === undefined) throw new Error(`none of ${JSON.stringify(values)} is right for ${term}`);
  expect(matches(term, value, item), `${term} is ${String(value)}`).to.equal(true);
  const near = nearMiss(term, value, values);
  expect(matches(term, near, item), `${term} is ${String(near)}`).to.equal(false);
}

/** Whether an OpenIOC document of one term, read by the parser, matches an item, asked of the matcher. */
function matches(term: string, value: Value, item: Item): boolean {
  const document = parseIoc(Buffer.from(openIocAbout(term, value)));
  expect(document.problems, `${term} can be looked for`).to.deep.equal([]);
  const unexpected = (_document: unknown, detail: string): void => expect.fail(detail);
  const matcher = new Matcher([{ hash: 'ab', document }], new Set(), new KeptSets(), unexpected);
  return matcher.matchesOf(matcher.of(item.type), item).length > 0;
}

/**
 * OpenIOC document of one term, which asks for a value.
 * @param id of the document
 */
export function openIocAbout(
  term: string,
  value: Value,
  id = '5a3c0d8e-0000-4000-8000-000000000001',
): string {
  const text = contentOf(kindOf(term), value).replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  return `<?xml version="1.0" encoding="utf-8"?>
<OpenIOC xmlns="http://openioc.org/schemas/OpenIOC_1.1" id="${id}">
  <metadata><short_description>One term</short_description></metadata>
  <criteria><Indicator id="1" operator="OR"><IndicatorItem id="2" condition="is" preserve-case="true" negate="false">
    <Context document="${term.split('/', 1)[0]}" search="${term}" type="mir" /><Content type="string">${text}</Content>
  </IndicatorItem></Indicator></criteria>
</OpenIOC>`;
}

function kindOf(term: string): ValueKind {
  const entry = lookUpTerm(term);
  if (entry?.term !== term) throw new Error(`${term} is not in the catalogue`);
  return entry.kind;
}

function contentOf(kind: ValueKind, value: Value): string {
  return kind === 'date' ? new Date(Number(value)).toISOString() : String(value);
}

/** Another value of the same kind that the item does not have. */
export function nearMiss(term: string, value: Value, values: readonly Value[]): Value {
  for (let step = 1; ; step += 1) {
    const near = changed(kindOf(term), value, step);
    if (!values.includes(near)) return near;
  }
}

function changed(kind: ValueKind, value: Value, step: number): Value {
  switch (kind) {
    case 'boolean':
      return !value;
    case 'integer':
      return Number(value) + step;
    case 'duration':
      return Number((Number(value) + step).toFixed(2));
    case 'date':
      return Number(value) + 1000 * step;
    case 'address':
      return String(value).replace(/[0-9a-f]+$/, (last) =>
        String(value).includes(':')
          ? ((Number.parseInt(last, 16) + step) % 0x10000).toString(16)
          : String((Number(last) + step) % 256),
      );
    case 'mac':
    case 'md5':
    case 'sha1':
    case 'sha256':
      return String(value).replace(/.$/, (last) => ((Number.parseInt(last, 16) + step) % 16).toString(16));
    case 'text':
      return `${String(value)}${'x'.repeat(step)}`;
  }
}

export interface Collected {
  readonly items: readonly Item[];
  readonly problems: readonly string[];
}

/** Everything that a collector lists. */
export async function collectAll(
  collector: Collector,
  request: Partial<CollectRequest> = {},
): Promise<Collected> {
  const items: Item[] = [];
  const problems: string[] = [];
  const list = collector.collect({
    terms: collector.terms,
    problem: (subject, detail) => problems.push(`${subject}: ${detail}`),
    signal: new AbortController().signal,
    literals: new Map(),
    ...request,
  });
  for await (const item of list) items.push(item);
  return { items, problems };
}

/** The one item with this value. @throws Error when there is none */
export function itemWith({ items }: Collected, term: string, value: Value): Item {
  const item = items.find(({ values }) => values.get(term)?.includes(value));
  if (!item) throw new Error(`no item with ${term} ${String(value)} among ${items.length}`);
  return item;
}
