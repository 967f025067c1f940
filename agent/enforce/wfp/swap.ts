import { changesTo } from './compare.js';
import type { WfpObjects } from './engine-interface.js';
import { WfpError } from './errors.js';
import { OBJECTS_DACL, PROVIDER, SUBLAYER } from './own-objects.js';
import { readHoldings, type Holdings } from './holdings.js';
import type { Filter } from './types.js';

/** Inside a transaction: makes what is ours equal to `wanted` with as few calls as that takes. */
export async function swap(objects: WfpObjects, wanted: readonly Filter[]): Promise<void> {
  const held = await readHoldings(objects);
  const { base, removed, added } = changesTo(wanted, held);
  if (base === 'replaced') return replaceAll(objects, held, wanted);
  if (removed.length > 0) await objects.deleteFilters(removed);
  if (added.length > 0) await objects.addFilters(added, OBJECTS_DACL);
}

/** The same from nothing: also where a key of ours is taken in a layer that is not looked through. */
export async function swapFromScratch(objects: WfpObjects, wanted: readonly Filter[]): Promise<void> {
  await objects.deleteFilters(wanted.map(({ key }) => key));
  await replaceAll(objects, await readHoldings(objects), wanted);
}

/**
 * Inside a transaction: removes all that is ours. A sublayer and a provider that somebody refers to where nobody looked stay
 * behind: they alone block nothing, and for them to keep our filters would strand the computer.
 */
export async function sweep(objects: WfpObjects): Promise<void> {
  const { provider, sublayers, filters } = await readHoldings(objects);
  await removeAll(objects, { provider: undefined, sublayers: [], filters });
  try {
    await removeAll(objects, { provider, sublayers, filters: [] });
  } catch (error) {
    if (!(error instanceof WfpError && error.is('FWP_E_IN_USE'))) throw error;
  }
}

async function replaceAll(objects: WfpObjects, held: Holdings, wanted: readonly Filter[]): Promise<void> {
  // An object may refer to none that lives shorter: what an older version left with another lifetime has to go first.
  await removeAll(objects, held);
  await objects.addProvider(PROVIDER, OBJECTS_DACL);
  await objects.addSublayer(SUBLAYER, OBJECTS_DACL);
  await objects.addFilters(wanted, OBJECTS_DACL);
}

/** What refers to an object goes before it. */
async function removeAll(objects: WfpObjects, { provider, sublayers, filters }: Holdings): Promise<void> {
  if (filters.length > 0) await objects.deleteFilters(filters.map(({ key }) => key));
  for (const { key } of sublayers) await objects.deleteSublayer(key);
  if (provider) await objects.deleteProvider(provider.key);
}
