import { renameSync } from 'node:fs';

/** What Windows answers while somebody else has one of the two files open. */
const HELD: readonly unknown[] = ['EPERM', 'EBUSY', 'EACCES'];
/** Virus scanners and indexers look at a new file for some milliseconds. */
const PATIENCE_MS = 1_000;
const PAUSE_MS = 20;

/** What the retry needs; tests give their own. */
export interface RenameParts {
  readonly platform: NodeJS.Platform;
  readonly rename: (from: string, to: string) => void;
  /** Milliseconds on a clock that does not jump. */
  readonly now: () => number;
  readonly pause: (ms: number) => void;
}

const system: RenameParts = {
  platform: process.platform,
  rename: renameSync,
  now: () => performance.now(),
  pause: (ms) => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms),
};

/**
 * Renames a file, in the place of another one if there is one. Windows refuses while somebody has either open: it is tried
 * for a second, during which this process waits.
 * @throws the last error of the file system
 */
export function renameOver(from: string, to: string, parts: RenameParts = system): void {
  const until = parts.now() + PATIENCE_MS;
  for (;;) {
    try {
      parts.rename(from, to);
      return;
    } catch (error) {
      const held = parts.platform === 'win32' && HELD.includes((error as NodeJS.ErrnoException).code);
      if (!held || parts.now() >= until) throw error;
      parts.pause(PAUSE_MS);
    }
  }
}
