import type { Clock } from '../shared/clock.js';

/** Where text goes. */
export interface TextSink {
  readonly isTTY: boolean;
  /** Width in characters; undefined where it is not known. */
  readonly columns: number | undefined;
  write(text: string): void;
}

/** Everything outside of the program that is not the server. */
export interface CliIo {
  readonly stdout: TextSink;
  readonly stderr: TextSink;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  /** From 0 up to 1. */
  readonly random: () => number;
  /** Standard input up to its end. */
  readStdin(): Promise<string>;
  /** Calls `stop` once when the person interrupts (Ctrl-C); returns what takes that back. */
  onInterrupt(stop: () => void): () => void;
}
