import type { FileFacts } from './file-item.js';
import { linuxFacts } from './linux-facts.js';

export interface PlatformFacts {
  readonly facts: FileFacts;
  /** Roots of the drives of Windows. @param network whether those of other computers are among them */
  readonly drives: (network: boolean) => readonly string[];
}

/** What a platform tells of files and drives in its own way. Nothing of another platform is loaded. */
export async function platformFacts(platform: NodeJS.Platform): Promise<PlatformFacts> {
  switch (platform) {
    case 'linux':
      return { facts: linuxFacts(), drives: () => [] };
    case 'win32':
      return (await import('./windows-facts.js')).windowsFacts();
    default:
      return { facts: { terms: new Set(), about: () => [] }, drives: () => [] };
  }
}
