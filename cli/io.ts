import type { Clock } from '../shared/clock.js';

/** Where text goes. */
export interface TextSink {
  readonly isTTY: boolean;
  /** Width in characters; undefined where it is not known. */
  readonly columns: number | undefined;
  write(chunk: string | Uint8Array): void;
}

/** A person who can be asked. */
export interface Terminal {
  /** What the person typed. Undefined: nothing, because of Ctrl-C or the end of the input. */
  ask(question: string): Promise<string | undefined>;
  /** Likewise, without showing it. */
  askHidden(question: string): Promise<string | undefined>;
}

/** Everything outside of the program that is not the server. */
export interface CliIo {
  readonly stdout: TextSink;
  readonly stderr: TextSink;
  /** Resolves when standard output takes more: output without an end would pile up in front of a slow reader. */
  outputDrained(): Promise<void>;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  /** From 0 up to 1. */
  readonly random: () => number;
  /** Standard input up to its end. */
  readStdin(): Promise<string>;
  /** Undefined: nobody is there, or cannot answer. */
  readonly terminal: Terminal | undefined;
  /** Calls `stop` once when the person interrupts (Ctrl-C); returns what takes that back. */
  onInterrupt(stop: () => void): () => void;
}
