import type { ItemType } from '../../../shared/ioc/model.js';
import { FALSE, TRUE, type CompiledDocument } from './document.js';
import type { KeptSet } from './kept-sets.js';

/** How often a tree is worked out at most for one item and document. */
const MOST_TRIES = 20_000;
/** The same in nodes and terms that are gone through, which is what takes the time. */
const MOST_STEPS = 5_000_000;
/** A tree is worked out at least so often, however large it is. */
export const FEWEST_TRIES = 20;

/** Items of other kinds that make a document hold together with the one at hand. */
export type Companions = ReadonlyMap<ItemType, KeptSet>;

export type Search =
  | { readonly kind: 'found'; readonly companions: Companions }
  | { readonly kind: 'none' }
  /** Given up: there are too many combinations. */
  | { readonly kind: 'too many' };

/**
 * Looks for items, one of each other kind at most, with which a document's tree holds so that a term that held for the item
 * at hand takes part. Whole kinds are ruled out first by asking whether the tree could hold with everything of them at once.
 * @param type kind of the item at hand
 * @param held literals that held for it
 * @param mostTries how often the tree may be worked out; less where it is large
 */
export function findCompanions(
  document: CompiledDocument,
  type: ItemType,
  held: readonly number[],
  kept: ReadonlyMap<ItemType, readonly KeptSet[]>,
  mostTries = MOST_TRIES,
): Search {
  const others = [...kept].filter(([other, sets]) => other !== type && sets.length > 0);
  const own = new Set(held);
  const holdsWith = (sets: Iterable<KeptSet>): boolean => {
    const all = new Set(held);
    for (const { literals } of sets) for (const literal of literals) all.add(literal);
    return document.holds(
      (literal) => (all.has(literal) ? TRUE : FALSE),
      (literal) => own.has(literal),
      TRUE,
    );
  };
  if (holdsWith([])) return { kind: 'found', companions: new Map() };
  const steps = others
    .flatMap(([, sets]) => sets)
    .reduce((sum, { literals }) => sum + literals.length, document.size);
  const most = Math.min(mostTries, Math.max(FEWEST_TRIES, Math.floor(MOST_STEPS / steps)));
  let tries = 0;
  const chosen: (KeptSet | undefined)[] = [];
  const search = (): Companions | 'none' | 'too many' => {
    tries += 1;
    if (tries > most) return 'too many';
    const open = others.slice(chosen.length).flatMap(([, sets]) => sets);
    if (!holdsWith([...chosen.filter((set) => set !== undefined), ...open])) return 'none';
    const next = others[chosen.length];
    if (!next) {
      return new Map(
        others.flatMap(([other], at) => {
          const set = chosen[at];
          return set ? [[other, set] as const] : [];
        }),
      );
    }
    // As few items as will do: first without one of this kind.
    for (const option of [undefined, ...next[1]]) {
      chosen.push(option);
      const found = search();
      chosen.pop();
      if (found !== 'none') return found;
    }
    return 'none';
  };
  const found = search();
  return typeof found === 'string' ? { kind: found } : { kind: 'found', companions: found };
}
