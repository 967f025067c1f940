import { chmodSync, closeSync, fsyncSync, openSync, readFileSync, writeSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { makeFolder } from './folder.js';
import { renameOver } from './rename-over.js';

/**
 * Replaces a file so that after a crash there is either the old content or the new one, whole: temporary file in the
 * same folder, fsync, rename, fsync of the folder. The folder is made (mode 0700) if it is missing.
 * @param mode permission bits, for example 0o600
 */
export function writeDurably(path: string, content: string | Uint8Array, mode: number): void {
  const folder = dirname(path);
  makeFolder(folder, 0o700);
  const temporary = `${path}.${process.pid}.new`;
  const file = openSync(temporary, 'w', mode);
  try {
    const bytes = typeof content === 'string' ? Buffer.from(content) : content;
    for (let written = 0; written < bytes.length;) written += writeSync(file, bytes, written);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  chmodSync(temporary, mode);
  renameOver(temporary, path);
  syncFolder(folder);
}

/**
 * The same without holding up the event loop while the disk works: for what is written often. The folder must be there, and
 * one call for a path must be over before the next.
 */
export async function writeDurablyInBackground(path: string, content: string, mode: number): Promise<void> {
  const temporary = `${path}.${process.pid}.new`;
  const file = await open(temporary, 'w', mode);
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
  renameOver(temporary, path);
  if (process.platform === 'win32') return;
  const folder = await open(dirname(path), 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/**
 * Content of a file; undefined only if there is none. A file that cannot be looked at (a disk that fails) is not a file
 * that is not there: taking it for that would start from nothing.
 * @throws Error of the file system
 */
export function readIfThere(path: string): string | undefined {
  return readBytesIfThere(path)?.toString('utf8');
}

/** The same for bytes. */
export function readBytesIfThere(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Makes renames and removals in a folder durable. Windows has no such call and needs none. */
export function syncFolder(folder: string): void {
  if (process.platform === 'win32') return;
  const handle = openSync(folder, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}
