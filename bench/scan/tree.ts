import { mkdirSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Files of the tree. */
export const FILES = 50_000;
/** Bytes of all of them together. */
export const TREE_BYTES = 2_000_000_000;
const LARGEST = 16_000_000;
const FOLDERS = 1000;

/** Room that the tree needs, and its folders with it, bytes. */
const NEEDED_BYTES = TREE_BYTES * 1.5;

/** Whether there is room for the tree. */
export function hasRoom(folder: string): boolean {
  const { bavail, bsize } = statfsSync(folder);
  return bavail * bsize >= NEEDED_BYTES;
}

/** Numbers from 0 to 1, the same in each run. */
function* numbers(): Generator<number, never> {
  for (let state = 12345; ;) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    yield state / 0x80000000;
  }
}

/**
 * Makes 50,000 files of 2 GB in 1000 folders, the same in each run: most of some ten KiB, as on a computer that people work
 * with, a few of megabytes.
 * @returns path of one of them
 */
export function makeTree(root: string): string {
  const random = numbers();
  const next = (): number => random.next().value;
  // Sizes spread as a bell curve of their logarithm.
  const weights = Array.from({ length: FILES }, () =>
    Math.exp(1.6 * Math.sqrt(-2 * Math.log(next() + 1e-9)) * Math.cos(2 * Math.PI * next())),
  );
  const whole = weights.reduce((sum, weight) => sum + weight, 0);
  const content = noise();
  for (let folder = 0; folder < FOLDERS; folder++) mkdirSync(folderOf(root, folder), { recursive: true });
  let one = '';
  weights.forEach((weight, file) => {
    const size = Math.min(LARGEST, Math.round((weight / whole) * TREE_BYTES));
    const from = Math.floor(next() * (content.length - size));
    const path = join(folderOf(root, file % FOLDERS), `file-${file}.bin`);
    writeFileSync(path, content.subarray(from, from + size));
    if (file === FILES - 1) one = path;
  });
  return one;
}

function folderOf(root: string, folder: number): string {
  return join(root, `folder-${folder % 50}`, `folder-${Math.floor(folder / 50)}`);
}

/** Bytes without a pattern: no two files are alike. */
function noise(): Buffer {
  const bytes = Buffer.alloc(LARGEST + 1_000_000);
  let state = 1;
  for (let at = 0; at < bytes.length; at += 4) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes.writeUInt32LE(state, at);
  }
  return bytes;
}
