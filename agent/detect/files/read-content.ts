import { createHash, hash as hashOnce } from 'node:crypto';
import { closeSync, constants, fstatSync, openSync, readSync, type Stats } from 'node:fs';
import type { Value } from '../item.js';
import { NEEDS_PROGRAM, needsHash } from '../match/needs.js';
import { HASH_ALGORITHMS, type HashAlgorithm } from '../match/stages.js';
import { readPe } from '../pe/read-pe.js';
import type { RawPath } from './raw-path.js';
import { readable } from './walker.js';

/** A file to read, and what for. */
export interface ContentJob {
  readonly path: RawPath;
  /** Bits of needs.ts. */
  readonly needs: number;
}

export type Content =
  | {
      readonly kind: 'read';
      readonly hashes: readonly (readonly [HashAlgorithm, string])[];
      /** Properties of a Windows program. */
      readonly program: readonly (readonly [string, readonly Value[]])[];
      readonly bytes: number;
      /** It was written to meanwhile, twice: hashes may be of no content that it ever had. */
      readonly changed: boolean;
    }
  /** Has no hashes; the program is known. */
  | {
      readonly kind: 'too large';
      readonly program: readonly (readonly [string, readonly Value[]])[];
      readonly bytes: number;
    }
  | { readonly kind: 'failed'; readonly detail: string }
  /** It went away, or is no regular file any more. */
  | { readonly kind: 'vanished' }
  /** The scan ends. */
  | { readonly kind: 'stopped' };

export interface ReadLimits {
  /** Larger files get no hash. */
  readonly maxBytes: number;
  /** Terms of programs that documents ask for. */
  readonly programTerms: ReadonlySet<string>;
  /** Called before each piece; false: stop. */
  readonly pass: (bytes: number) => boolean;
}

/** Calls of the file system, for tests. */
export interface FileCalls {
  open(path: RawPath, flags: number): number;
  stat(file: number): Stats;
  /** Fills as much of the buffer as there is from a place of the file on. */
  read(file: number, buffer: Buffer, at: number): number;
  close(file: number): void;
}

export const systemCalls: FileCalls = {
  open: (path, flags) => openSync(path, flags),
  stat: (file) => fstatSync(file),
  read: (file, buffer, at) => readSync(file, buffer, 0, buffer.length, at),
  close: (file) => closeSync(file),
};

// A pipe in the place of a file must not hold the scan up, a link must not lead it elsewhere. Undefined on Windows.
const FLAGS = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0) | (constants.O_NOFOLLOW ?? 0);
const WITHOUT_TIME = FLAGS | (constants.O_NOATIME ?? 0);

/**
 * Reads a file once for everything that is asked of it. Blocks.
 * @param buffer for the content; a file that fits in is hashed in one go
 */
export function readContent(
  { path, needs }: ContentJob,
  limits: ReadLimits,
  buffer: Buffer,
  calls: FileCalls = systemCalls,
): Content {
  let file: number;
  try {
    file = open(path, calls);
  } catch (error) {
    return failure(error);
  }
  try {
    return readOpen(file, needs, limits, buffer, calls);
  } catch (error) {
    return failure(error);
  } finally {
    calls.close(file);
  }
}

function open(path: RawPath, calls: FileCalls): number {
  if (WITHOUT_TIME === FLAGS) return calls.open(path, FLAGS);
  try {
    return calls.open(path, WITHOUT_TIME);
  } catch (error) {
    // Only the owner of a file may leave its time of access as it is.
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') throw error;
    return calls.open(path, FLAGS);
  }
}

function readOpen(
  file: number,
  needs: number,
  limits: ReadLimits,
  buffer: Buffer,
  calls: FileCalls,
): Content {
  let before = calls.stat(file);
  if (!before.isFile()) return { kind: 'vanished' };
  const program = needs & NEEDS_PROGRAM ? [...(readPe(file, before.size, limits.programTerms) ?? [])] : [];
  const algorithms = HASH_ALGORITHMS.filter((algorithm) => needsHash(needs, algorithm));
  if (algorithms.length === 0) return { kind: 'read', hashes: [], program, bytes: 0, changed: false };
  // A file with holes may claim any size, and one that grows may become any: what is read is counted too.
  if (before.size > limits.maxBytes) return { kind: 'too large', program, bytes: 0 };
  let bytes = 0;
  for (let attempt = 1; ; attempt++) {
    const once = hashContent(file, before.size, algorithms, limits, buffer, calls);
    if (once === 'stopped') return { kind: 'stopped' };
    if (once === 'too large') return { kind: 'too large', program, bytes: bytes + limits.maxBytes };
    bytes += once.bytes;
    const after = calls.stat(file);
    const changed = after.size !== before.size || after.mtimeMs !== before.mtimeMs;
    if (!changed || attempt === 2) return { kind: 'read', hashes: once.hashes, program, bytes, changed };
    before = after;
  }
}

interface Hashed {
  readonly hashes: readonly (readonly [HashAlgorithm, string])[];
  readonly bytes: number;
}

function hashContent(
  file: number,
  size: number,
  algorithms: readonly HashAlgorithm[],
  { maxBytes, pass }: ReadLimits,
  buffer: Buffer,
  calls: FileCalls,
): Hashed | 'stopped' | 'too large' {
  // Of a file that has become longer, pieces count as small ones.
  const mayRead = (at: number): boolean => pass(Math.min(buffer.length, Math.max(size - at, 4096)));
  if (!mayRead(0)) return 'stopped';
  let filled = 0;
  let end = false;
  while (!end && filled < buffer.length) {
    const count = calls.read(file, filled === 0 ? buffer : buffer.subarray(filled), filled);
    filled += count;
    // If there is more than the size told, the file has changed, and is seen to have.
    end = count === 0 || filled === size;
  }
  if (filled > maxBytes) return 'too large';
  if (end) {
    const content = buffer.subarray(0, filled);
    return { hashes: algorithms.map((name) => [name, hashOnce(name, content, 'hex')]), bytes: filled };
  }
  const hashes = algorithms.map((name) => [name, createHash(name)] as const);
  let bytes = 0;
  for (let count = filled; count > 0;) {
    bytes += count;
    if (bytes > maxBytes) return 'too large';
    const piece = buffer.subarray(0, count);
    for (const [, hash] of hashes) hash.update(piece);
    if (!mayRead(bytes)) return 'stopped';
    count = calls.read(file, buffer, bytes);
  }
  return { hashes: hashes.map(([name, hash]) => [name, hash.digest('hex')]), bytes };
}

function failure(error: unknown): Content {
  const { code, message } = error as NodeJS.ErrnoException;
  // ELOOP: a link stands there now. ENXIO: a socket or a pipe without a reader.
  if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ELOOP' || code === 'ENXIO')
    return { kind: 'vanished' };
  return { kind: 'failed', detail: readable(code, message) };
}
