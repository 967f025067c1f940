import { createHash, type Hash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';

const CHUNK = 64 * 1024;
/**
 * Every byte is changed with this, so that nothing can run a file in quarantine, and no other scanner takes it for what it
 * was. It hides nothing from whoever wants to read it.
 */
const KEY = 0xa5;

/** Names of hashes as Node's crypto knows them. */
export type HashName = 'md5' | 'sha1' | 'sha256';

/** Hashes of the plain bytes, hex, and how many they were. */
export interface Copied {
  readonly bytes: number;
  readonly hashes: Readonly<Record<HashName, string>>;
}

/**
 * Copies everything from one file into another, each byte changed: plain to scrambled, and back. Returns when it is safe
 * on disk.
 * @param plain which of the two is the plain one: its hashes are what counts
 * @param mostBytes it stops after that many bytes and one
 */
export async function copyChanged(
  from: FileHandle,
  to: FileHandle,
  plain: 'from' | 'to',
  mostBytes: number,
): Promise<Copied> {
  const hashes = startHashes();
  let bytes = 0;
  for await (const chunk of chunksOf(from, mostBytes)) {
    if (plain === 'from') update(hashes, chunk);
    scramble(chunk);
    if (plain === 'to') update(hashes, chunk);
    await writeAll(to, chunk, bytes);
    bytes += chunk.length;
  }
  await to.sync();
  return { bytes, hashes: digests(hashes) };
}

/** SHA-256 of the plain bytes of a scrambled file, hex. */
export async function plainHash(file: FileHandle): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of chunksOf(file, Infinity)) {
    scramble(chunk);
    hash.update(chunk);
  }
  return hash.digest('hex');
}

/** The chunk is the same memory each time. */
async function* chunksOf(file: FileHandle, mostBytes: number): AsyncGenerator<Buffer> {
  const buffer = Buffer.alloc(CHUNK);
  for (let position = 0; position <= mostBytes;) {
    const { bytesRead } = await file.read(buffer, 0, CHUNK, position);
    if (bytesRead === 0) return;
    position += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}

async function writeAll(file: FileHandle, chunk: Buffer, position: number): Promise<void> {
  for (let written = 0; written < chunk.length;) {
    const { bytesWritten } = await file.write(chunk, written, chunk.length - written, position + written);
    written += bytesWritten;
  }
}

function scramble(chunk: Buffer): void {
  for (let at = 0; at < chunk.length; at++) chunk[at] = (chunk[at] ?? 0) ^ KEY;
}

function startHashes(): Record<HashName, Hash> {
  return { md5: createHash('md5'), sha1: createHash('sha1'), sha256: createHash('sha256') };
}

function update(hashes: Record<HashName, Hash>, chunk: Buffer): void {
  for (const hash of Object.values(hashes)) hash.update(chunk);
}

function digests({ md5, sha1, sha256 }: Record<HashName, Hash>): Record<HashName, string> {
  return { md5: md5.digest('hex'), sha1: sha1.digest('hex'), sha256: sha256.digest('hex') };
}
