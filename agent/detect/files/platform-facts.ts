import type { FileFacts } from './file-item.js';
import { linuxFacts } from './linux-facts.js';
import { windowsFacts } from './windows-facts.js';

export interface PlatformFacts {
  readonly facts: FileFacts;
  /** Roots of the drives of Windows. @param network whether those of other computers are among them */
  readonly drives: (network: boolean) => readonly string[];
}

/** What a platform tells of files and drives in its own way. Nothing of another platform is loaded. */
export function platformFacts(platform: NodeJS.Platform): Promise<PlatformFacts> {
  switch (platform) {
    case 'linux':
      return Promise.resolve({ facts: linuxFacts(), drives: () => [] });
    case 'win32':
      return windowsFacts();
    default:
      return Promise.resolve({ facts: { terms: new Set(), about: () => [] }, drives: () => [] });
  }
}
