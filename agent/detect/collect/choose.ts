import type { Collector, Unavailable } from '../item.js';
import { linuxCollectors } from './linux/all.js';
import { windowsCollectors } from './windows/all.js';

/**
 * Everything but files that this platform can look at, one entry for each kind of items. Nothing of the platform is loaded
 * or read before `collect`. Empty on a platform that the agent does not run on.
 */
export function collectorsFor(platform: NodeJS.Platform): readonly (Collector | Unavailable)[] {
  switch (platform) {
    case 'linux':
      return linuxCollectors();
    case 'win32':
      return windowsCollectors();
    default:
      return [];
  }
}
