import type { BoundedFile } from './bounded-file.js';
import type { PeHeaders } from './headers.js';

/** What a program offers to others. */
export interface PeExports {
  /** Name that the program had when it was linked. */
  readonly dllName: string | undefined;
  /** Milliseconds since 1970 UTC. */
  readonly timeStamp: number;
  readonly functionCount: number;
  readonly nameCount: number;
  /** At most 20,000 names. */
  readonly names: readonly string[];
}

const MOST_NAMES = 20_000;
/** Decorated names of C++ are long. */
const LONGEST_NAME = 2048;

export function readExports(file: BoundedFile, headers: PeHeaders): PeExports | undefined {
  const start = headers.exports && headers.offsetOf(headers.exports.address);
  const row = start === undefined ? undefined : file.bytes(start, 40);
  if (!row) return undefined;
  const textAt = (address: number): string | undefined => {
    const offset = headers.offsetOf(address);
    return offset === undefined ? undefined : file.text(offset, LONGEST_NAME);
  };
  const nameCount = row.readUInt32LE(24);
  const table = headers.offsetOf(row.readUInt32LE(32));
  const names: string[] = [];
  for (let index = 0; table !== undefined && index < Math.min(nameCount, MOST_NAMES); index += 1) {
    const address = file.uint32(table + index * 4);
    if (address === undefined) break;
    const name = textAt(address);
    if (name) names.push(name);
  }
  return {
    dllName: textAt(row.readUInt32LE(12)),
    timeStamp: row.readUInt32LE(4) * 1000,
    functionCount: row.readUInt32LE(20),
    nameCount,
    names,
  };
}
