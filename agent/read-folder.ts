import { readdirSync } from 'node:fs';

/**
 * Names in a folder; none where there is no such folder.
 * @throws Error of the file system
 */
export function readFolderIfThere(path: string): string[] {
  try {
    return readdirSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
