import { FWP_ACTION, FWPM_FILTER_FLAG } from './constants.js';
import type { WfpObjects } from './engine-interface.js';
import type { Guid } from './guids.js';
import { SUBLAYER } from './own-objects.js';
import { OWN_LAYERS } from './system-filters.js';
import type { FoundFilter } from './types.js';

const { FWP_ACTION_PERMIT: PERMIT } = FWP_ACTION;
const { FWPM_FILTER_FLAG_CLEAR_ACTION_RIGHT: HARD, FWPM_FILTER_FLAG_DISABLED: DISABLED } = FWPM_FILTER_FLAG;

/**
 * Permits of others that may be asked before our blocks and that nobody asked later can take back, a sentence each: those
 * in sublayers with the highest weight, which is ours too. Which of two equal ones comes first is not documented.
 */
export async function findOverrulers(objects: WfpObjects): Promise<string[]> {
  const rivals = new Map(
    (await objects.sublayers())
      .filter(({ key, weight }) => key !== SUBLAYER.key && weight >= SUBLAYER.weight)
      .map(({ key, name }) => [key, name]),
  );
  if (rivals.size === 0) return [];
  const sentences: string[] = [];
  for (const layer of OWN_LAYERS) {
    for (const found of await objects.filters(layer)) {
      const sublayer = rivals.get(found.sublayer);
      if (sublayer === undefined || !isHardPermit(found)) continue;
      const owner = await ownerOf(objects, found.provider);
      sentences.push(
        `filter "${found.name}" of ${owner} in sublayer "${sublayer}" may let packets pass at ${layer} that ours block`,
      );
    }
  }
  return sentences;
}

function isHardPermit({ action, flags }: FoundFilter): boolean {
  return action === PERMIT && (flags & HARD) !== 0 && (flags & DISABLED) === 0;
}

async function ownerOf(objects: WfpObjects, key: Guid | undefined): Promise<string> {
  const provider = key && (await objects.provider(key));
  return provider ? `provider "${provider.name}"` : 'no provider';
}
