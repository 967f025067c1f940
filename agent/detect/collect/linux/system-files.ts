import {
  closeSync,
  constants,
  fstatSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
  type Stats,
} from 'node:fs';
import { join } from 'node:path';

/**
 * Files of the system, read in bounded pieces. What does not exist, or vanishes, is `undefined`; what cannot be read is an
 * Error of the file system.
 */
export interface SystemFiles {
  /** Text of a file from its beginning, at most `limit` bytes of it. Not a regular file: as if it did not exist. */
  read(path: string, limit?: number): string | undefined;
  /** At most `length` bytes from `offset`. */
  bytes(path: string, offset: number, length: number): Buffer | undefined;
  /** Size in bytes. */
  size(path: string): number | undefined;
  /** Names in a folder, in order; empty where there is none. */
  list(folder: string): readonly string[];
  /** Where a symbolic link points to, as it is written; undefined also for what is not a link. */
  link(path: string): string | undefined;
}

/** Largest piece of text that is read unless told otherwise. */
const READ_LIMIT = 1024 * 1024;

/** @param root folder that stands for `/`, for tests */
export function systemFiles(root = '/'): SystemFiles {
  const open = <T>(path: string, use: (file: number, stats: Stats) => T): T | undefined =>
    existing(() => {
      // A pipe in the place of a file must not hold up the scan.
      const file = openSync(join(root, path), constants.O_RDONLY | constants.O_NONBLOCK);
      try {
        const stats = fstatSync(file);
        return stats.isFile() ? use(file, stats) : undefined;
      } finally {
        closeSync(file);
      }
    });
  return {
    read: (path, limit = READ_LIMIT) => open(path, (file) => readUpTo(file, 0, limit).toString()),
    bytes: (path, offset, length) => open(path, (file) => readUpTo(file, offset, length)),
    size: (path) => open(path, (_file, stats) => stats.size),
    list: (folder) => existing(() => readdirSync(join(root, folder)).sort()) ?? [],
    link: (path) => existing(() => readlinkSync(join(root, path))),
  };
}

const PIECE = 64 * 1024;

/** Piece by piece: the size that a file of /proc tells is zero. */
function readUpTo(file: number, offset: number, limit: number): Buffer {
  const pieces: Buffer[] = [];
  let got = 0;
  while (got < limit) {
    const piece = Buffer.allocUnsafe(Math.min(PIECE, limit - got));
    const count = readSync(file, piece, 0, piece.length, offset + got);
    if (count === 0) break;
    pieces.push(piece.subarray(0, count));
    got += count;
  }
  return Buffer.concat(pieces);
}

/** ESRCH: the process has ended. EINVAL: not a link. ENXIO: a socket. */
const ABSENT = new Set(['ENOENT', 'ENOTDIR', 'ESRCH', 'EINVAL', 'ENXIO']);

function existing<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch (error) {
    if (ABSENT.has((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw error;
  }
}
