import type { Collector, Unavailable } from '../../item.js';

/** What an agent on Windows can look at, one entry for each kind of items but files. */
export function windowsCollectors(): readonly (Collector | Unavailable)[] {
  return [];
}
