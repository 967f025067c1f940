import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';

export type HashName = 'md5' | 'sha1' | 'sha256';

/** Programs and libraries are smaller; bytes. */
const LARGEST_FILE = 200 * 1024 * 1024;

/**
 * Hashes of a file, lower-case hex, read once.
 * @throws Error where it cannot be read, or has more than 200 MiB
 */
export async function hashFile(
  path: string,
  names: readonly HashName[],
  signal: AbortSignal,
): Promise<Readonly<Partial<Record<HashName, string>>>> {
  const { size } = await stat(path);
  if (size > LARGEST_FILE) throw new Error(`${path} has ${size} bytes; at most ${LARGEST_FILE} are hashed`);
  const hashes = names.map((name) => [name, createHash(name)] as const);
  for await (const chunk of createReadStream(path, { signal, end: LARGEST_FILE })) {
    for (const [, hash] of hashes) hash.update(chunk as Buffer);
  }
  return Object.fromEntries(hashes.map(([name, hash]) => [name, hash.digest('hex')]));
}
