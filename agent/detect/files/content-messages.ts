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

/** In the order of the jobs. */
export type ReaderAnswer = readonly Content[];
