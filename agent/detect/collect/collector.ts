import type { ItemType } from '../../../shared/ioc/model.js';
import type { Collector, CollectRequest, Item } from '../item.js';

/** Whether a document asks for a property, or for one below it: `asks('PortList')` is true for `PortList/PortItem/pid`. */
export type Asks = (property: string) => boolean;

export interface CollectorParts {
  readonly type: ItemType;
  /** Terms without the item type before them. */
  readonly properties: readonly string[];
  /** Most items of one collection. */
  readonly most: number;
  readonly list: (request: CollectRequest, asks: Asks) => Iterable<Item> | AsyncIterable<Item>;
}

/** A collector that stops at its limit and when the scan ends, and reports what fails instead of failing. */
export function collector({ type, properties, most, list }: CollectorParts): Collector {
  return {
    type,
    terms: new Set(properties.map((property) => `${type}/${property}`)),
    async *collect(request) {
      let count = 0;
      try {
        for await (const item of list(request, asksOf(type, request.terms))) {
          if (request.signal.aborted) return;
          if (count === most) {
            request.problem(type, `there are more than ${most}; the rest was not looked at`);
            return;
          }
          count += 1;
          yield item;
        }
      } catch (error) {
        request.problem(type, (error as Error).message);
      }
    },
  };
}

function asksOf(type: ItemType, terms: ReadonlySet<string>): Asks {
  return (property) => {
    const wanted = `${type}/${property}`;
    return terms.has(wanted) || [...terms].some((term) => term.startsWith(`${wanted}/`));
  };
}
