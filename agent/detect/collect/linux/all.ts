import type { Collector, Unavailable } from '../../item.js';

/** What an agent on Linux can look at, one entry for each kind of items but files. */
export function linuxCollectors(): readonly (Collector | Unavailable)[] {
  return [{ type: 'RegistryItem', unavailable: 'Linux has no registry' }];
}
