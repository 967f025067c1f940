import { mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * Makes a folder and the folders above it. `mkdirSync` with `recursive` never returns where the system answers ENOENT for
 * a folder whose parent is there, as /proc does: here each step is tried once.
 * @param mode permission bits of every folder that is made
 * @throws the error of the system, for example EACCES, ENOENT or ENOTDIR
 */
export function makeFolder(path: string, mode: number): void {
  if (isFolder(path)) return;
  const parent = dirname(path);
  if (parent !== path) makeFolder(parent, mode);
  try {
    mkdirSync(path, { mode });
  } catch (error) {
    // Somebody else may have made it in the meantime; a file in its place is an error.
    if (!isFolder(path)) throw error;
  }
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}
