import { fileFacts } from '../collect/windows/file-facts.js';
import { CONSTANTS } from '../collect/windows/layout.js';
import { volumeCalls } from '../collect/windows/volume-item.js';
import type { FileFacts, Values } from './file-item.js';
import { shown } from './raw-path.js';

const TERMS = ['FileAttributes', 'Username', 'SecurityID'].map((name) => `FileItem/${name}`);

/**
 * What Windows tells of files and drives: attributes and owners, each asked for only where a document does; roots of drives.
 * @throws Error where its libraries cannot be loaded
 */
export async function windowsFacts(): Promise<{
  readonly facts: FileFacts;
  readonly drives: (network: boolean) => readonly string[];
}> {
  const [calls, volumes] = await Promise.all([fileFacts(), volumeCalls()]);
  return {
    facts: {
      terms: new Set(TERMS),
      about: async (path, _stats, asked) => {
        const text = shown(path);
        const values: [string, Values[number][1]][] = [];
        if (asked.has('FileItem/FileAttributes')) {
          values.push(['FileItem/FileAttributes', [calls.attributes(text)]]);
        }
        if (asked.has('FileItem/Username') || asked.has('FileItem/SecurityID')) {
          const sid = calls.owner(text);
          values.push(['FileItem/SecurityID', [sid]]);
          if (asked.has('FileItem/Username')) values.push(['FileItem/Username', await calls.namesOf(sid)]);
        }
        return values;
      },
    },
    // A drive without a medium, and one of a kind that nobody knows, are said by the walk.
    drives: (network) =>
      volumes.roots().filter((root) => network || volumes.type(root) !== CONSTANTS.DRIVE_REMOTE),
  };
}
