import { hash } from 'node:crypto';
import { canonical, rememberText } from './canonical.js';
import { describeFilter } from './describe.js';
import { guid, type Guid } from './guids.js';
import { KEY_NAMESPACE, PROVIDER, SUBLAYER } from './own-objects.js';
import type { Filter } from './types.js';

const NAMESPACE = Buffer.from(KEY_NAMESPACE.replaceAll('-', ''), 'hex');

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
  const text = canonical(effect);
  const description = describeFilter({ name, layer, lifetime, action, hard, conditions });
  const filter: Filter = { key: nameBased(text), name, description, ...effect };
  rememberText(filter, text);
  return filter;
}

/** UUID version 5, RFC 9562. Here because there are thousands of filters, and hashing in one call takes half the time. */
function nameBased(text: string): Guid {
  const bytes = Buffer.from(hash('sha1', Buffer.concat([NAMESPACE, Buffer.from(text)]), 'hex'), 'hex');
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x50, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  const hex = bytes.toString('hex');
  return guid(
    `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20, 32)}`,
  );
}
