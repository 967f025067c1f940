import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';

export type ProgramHash = 'md5' | 'sha1' | 'sha256';

/** Larger programs get no hash. */
const LARGEST = 200 * 1024 * 1024;
const PIECE = 256 * 1024;

/**
 * Hashes of a program's file, lower-case hex. Links are followed, as they are when it is started.
 * @throws Error when it cannot be read, is no regular file, or is larger than 200 MiB
 */
export async function programHashes(
  path: string,
  kinds: readonly ProgramHash[],
  signal: AbortSignal,
): Promise<ReadonlyMap<ProgramHash, string>> {
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const stats = await file.stat();
    if (!stats.isFile()) throw new Error('not a regular file');
    if (stats.size > LARGEST) throw new Error(`larger than ${LARGEST / 1024 / 1024} MiB`);
    const hashes = kinds.map((kind) => ({ kind, hash: createHash(kind) }));
    const piece = Buffer.allocUnsafe(PIECE);
    // A file that grows while it is read ends at its limit too.
    for (let at = 0; at <= LARGEST;) {
      signal.throwIfAborted();
      const { bytesRead } = await file.read(piece, 0, PIECE, at);
      if (bytesRead === 0) break;
      for (const { hash } of hashes) hash.update(piece.subarray(0, bytesRead));
      at += bytesRead;
    }
    return new Map(hashes.map(({ kind, hash }) => [kind, hash.digest('hex')]));
  } finally {
    await file.close();
  }
}
