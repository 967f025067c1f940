import { canonical } from './canonical.js';
import { FWPM_FILTER_FLAG } from './constants.js';
import type { WfpObjects } from './engine-interface.js';
import { PROVIDER, SUBLAYER } from './own-objects.js';
import { LAYERS, type Layer } from './guids.js';
import { Turns } from './turns.js';
import type { FoundFilter, Provider, Sublayer } from './types.js';

/** What the engine holds of ours, and what others have put among it. */
export interface Holdings {
  readonly provider: Provider | undefined;
  /** Ours first; then those that an older version left under our provider. */
  readonly sublayers: readonly Sublayer[];
  /** Filters that carry our provider, and those of anybody in our sublayer. */
  readonly filters: readonly HeldFilter[];
}

export interface HeldFilter extends FoundFilter {
  /** What it does (canonical.ts); undefined: it uses something that no filter of ours does, or is not in use. */
  readonly text: string | undefined;
}

const ALL_LAYERS = Object.keys(LAYERS) as Layer[];

/** Looks through every layer of guids.ts, also those that no plan uses: what an older version put there is found too. */
export async function readHoldings(objects: WfpObjects): Promise<Holdings> {
  const provider = await objects.provider(PROVIDER.key);
  const sublayers = (await objects.sublayers())
    .filter((sublayer) => sublayer.key === SUBLAYER.key || sublayer.provider === PROVIDER.key)
    .sort((a, b) => Number(b.key === SUBLAYER.key) - Number(a.key === SUBLAYER.key));
  const filters: HeldFilter[] = [];
  const turns = new Turns();
  for (const layer of ALL_LAYERS) {
    // Everybody's: a permit that somebody else puts into our sublayer would be asked together with ours.
    for (const found of await objects.filters(layer)) {
      if (!concernsUs(found)) continue;
      // Here, between two pages: for all of them at once the event loop would have to wait.
      filters.push({ ...found, text: textOf(found) });
      if (turns.due) await turns.give();
    }
  }
  return { provider, sublayers, filters };
}

/** Whether a filter is ours, or stands where only ours may stand. */
export function concernsUs({ provider, sublayer }: FoundFilter): boolean {
  return provider === PROVIDER.key || sublayer === SUBLAYER.key;
}

export function isEmpty({ provider, sublayers, filters }: Holdings): boolean {
  return provider === undefined && sublayers.length === 0 && filters.length === 0;
}

function textOf({ filter, flags }: FoundFilter): string | undefined {
  if (filter === undefined) return undefined;
  // Boot-time ones have done their work once BFE has started.
  const disabled = (flags & FWPM_FILTER_FLAG.FWPM_FILTER_FLAG_DISABLED) !== 0;
  return disabled && filter.lifetime !== 'boot-time' ? undefined : canonical(filter);
}
