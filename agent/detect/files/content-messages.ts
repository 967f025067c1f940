import { HASH_ALGORITHMS, type HashAlgorithm } from '../match/stages.js';
import type { Content } from './read-content.js';

/** Between the scan's main thread and the threads that read files. */

/** Given to a thread when it begins. */
export interface ReaderSettings {
  /** Of `Gate.memory`. */
  readonly memory: SharedArrayBuffer;
  readonly bytesPerSecond: number;
  readonly maxBytes: number;
  readonly programTerms: readonly string[];
}

export interface ReaderJob {
  /** Buffers cross as plain bytes. */
  readonly path: string | Uint8Array;
  readonly needs: number;
}

/**
 * What came of the jobs, in their order. Nearly all are hashes of files that were read without trouble: they cross as two
 * plain texts, since objects by the thousand cost more to hand over than small files cost to hash.
 */
export interface ReaderAnswer {
  /** One line for each job: its hashes with spaces between them, in the order of HASH_ALGORITHMS; a dash where there is none. */
  readonly hashes: string;
  /** One line for each job: how many bytes were read. */
  readonly bytes: string;
  /** All others, by their place. */
  readonly others: readonly (readonly [number, Content])[];
}

export function encodeAnswer(contents: readonly Content[]): ReaderAnswer {
  const others: [number, Content][] = [];
  const hashes: string[] = [];
  const bytes: number[] = [];
  contents.forEach((content, at) => {
    const isPlain = content.kind === 'read' && !content.changed && content.program.length === 0;
    if (!isPlain) others.push([at, content]);
    hashes.push(isPlain ? lineOf(content.hashes) : '');
    bytes.push(isPlain ? content.bytes : 0);
  });
  return { hashes: hashes.join('\n'), bytes: bytes.join('\n'), others };
}

export function decodeAnswer({ hashes, bytes, others }: ReaderAnswer): Content[] {
  const read = bytes.split('\n');
  const contents = hashes.split('\n').map((line, at): Content => {
    const digests = line.split(' ').flatMap((hex, number) => {
      const algorithm = HASH_ALGORITHMS[number];
      return algorithm === undefined || hex === '-' ? [] : [[algorithm, hex] as const];
    });
    return { kind: 'read', hashes: digests, program: [], bytes: Number(read[at]), changed: false };
  });
  for (const [at, content] of others) contents[at] = content;
  return contents;
}

function lineOf(hashes: readonly (readonly [HashAlgorithm, string])[]): string {
  return HASH_ALGORITHMS.map((name) => hashes.find(([algorithm]) => algorithm === name)?.[1] ?? '-').join(
    ' ',
  );
}
