import type { ItemType } from '../../../shared/ioc/model.js';
import type { Item, Value } from '../item.js';

/** What is known of a property: nothing, one value or several. Empty text is nothing. */
export type Known = Value | readonly Value[] | undefined;

/**
 * An item of what is known.
 * @param properties by term without the item type before it, for example `name` or `PortList/PortItem/localIP`
 */
export function itemOf(type: ItemType, properties: Readonly<Record<string, Known>>): Item {
  const values = new Map<string, readonly Value[]>();
  for (const [property, known] of Object.entries(properties)) {
    const list = [...new Set(listOf(known))].filter((value) => value !== '' && !Number.isNaN(value));
    if (list.length > 0) values.set(`${type}/${property}`, list);
  }
  return { type, values };
}

function listOf(known: Known): readonly Value[] {
  if (known === undefined) return [];
  return typeof known === 'object' ? known : [known];
}
