import { v5 } from 'uuid';
import { canonical } from './canonical.js';
import { describeFilter } from './describe.js';
import { guid } from './guids.js';
import { KEY_NAMESPACE, PROVIDER, SUBLAYER } from './own-objects.js';
import type { Filter } from './types.js';

/** What distinguishes one filter of ours from another; the rest follows. */
export type Draft = Pick<
  Filter,
  'name' | 'layer' | 'lifetime' | 'weight' | 'conditions' | 'action' | 'hard' | 'data'
>;

/**
 * A filter of ours. Its key is made from what it does: applying a plan twice adds nothing twice, and what a plan left
 * can be deleted without looking for it.
 */
export function ownFilter(draft: Draft): Filter {
  const filter: Filter = {
    ...draft,
    key: PROVIDER.key,
    provider: PROVIDER.key,
    sublayer: SUBLAYER.key,
    description: '',
  };
  const key = guid(v5(canonical(filter), KEY_NAMESPACE));
  return { ...filter, key, description: describeFilter(filter) };
}
