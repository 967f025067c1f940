import { parse, v5 } from 'uuid';
import { canonical } from './canonical.js';
import { describeFilter } from './describe.js';
import { guid } from './guids.js';
import { KEY_NAMESPACE, PROVIDER, SUBLAYER } from './own-objects.js';
import type { Filter } from './types.js';

const NAMESPACE = parse(KEY_NAMESPACE);

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
  const { name, layer, lifetime, weight, conditions, action, hard, data } = draft;
  const { key: provider } = PROVIDER;
  const { key: sublayer } = SUBLAYER;
  const effect = { provider, sublayer, layer, lifetime, weight, conditions, action, hard, data };
  // As bytes: there are thousands of filters, and text goes through a slower door.
  const key = guid(v5(Buffer.from(canonical(effect)), NAMESPACE));
  const description = describeFilter({ name, layer, lifetime, action, hard, conditions });
  return { key, name, description, ...effect };
}
