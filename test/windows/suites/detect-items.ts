import { expect } from 'chai';
import type { Collector, Item, Unavailable, Value } from '../../../agent/detect/item.js';

/** What a collection came to. */
export interface Collected {
  readonly items: readonly Item[];
  /** Subject and detail. */
  readonly problems: readonly string[];
}

/**
 * Everything that a collector gives.
 * @param literals what documents name, by term
 */
export async function collectAll(
  collector: Collector | Unavailable,
  literals: Readonly<Record<string, readonly string[]>> = {},
  terms?: ReadonlySet<string>,
): Promise<Collected> {
  if ('unavailable' in collector) throw new Error(collector.unavailable);
  const items: Item[] = [];
  const problems: string[] = [];
  const request = {
    terms: terms ?? collector.terms,
    problem: (subject: string, detail: string) => void problems.push(`${subject}: ${detail}`),
    signal: new AbortController().signal,
    literals: new Map(Object.entries(literals)),
  };
  for await (const item of collector.collect(request)) items.push(item);
  return { items, problems };
}

/** A value that an item has, and one that is nearly it. */
export type HitAndMiss = readonly [hit: Value | RegExp, miss: Value | RegExp];

/** Values of a property; none where the item does not have it. */
export function valuesOf(item: Item, property: string): readonly Value[] {
  return item.values.get(`${item.type}/${property}`) ?? [];
}

export function has(item: Item, property: string, wanted: Value | RegExp): boolean {
  return valuesOf(item, property).some((value) =>
    wanted instanceof RegExp ? wanted.test(String(value)) : value === wanted,
  );
}

/** The item has every hit and no miss. */
export function expectItem(item: Item, expected: Readonly<Record<string, HitAndMiss>>): void {
  for (const [property, [hit, miss]] of Object.entries(expected)) {
    const found = `${property}: ${JSON.stringify(valuesOf(item, property))}`;
    expect(has(item, property, hit), `${found} is to have ${String(hit)}`).to.equal(true);
    expect(has(item, property, miss), `${found} is not to have ${String(miss)}`).to.equal(false);
  }
}

/** A test has looked at every term that the collector says it can tell. */
export function expectEveryTerm(collector: Collector, ...shown: readonly (readonly string[])[]): void {
  const properties = [...collector.terms].map((term) => term.slice(collector.type.length + 1));
  expect(shown.flat().sort()).to.deep.equal(properties.sort());
}

/** The only item with these values. */
export function only(items: readonly Item[], properties: Readonly<Record<string, Value>>): Item {
  const found = items.filter((item) =>
    Object.entries(properties).every(([property, value]) => has(item, property, value)),
  );
  expect(found.length, JSON.stringify(properties)).to.equal(1);
  return found[0] as Item;
}
