import { run } from '../../cli/run.js';
import type { Terminal, TextSink } from '../../cli/io.js';
import { systemClock } from '../../shared/clock.js';

/** How a call of `cordon` ended. */
export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** What a test does while a call goes on. */
export interface Live {
  /** Told of each piece of standard output. */
  readonly onOutput?: (text: string) => void;
  /** Given what a person does with Ctrl-C. */
  readonly onInterrupt?: (interrupt: () => void) => void;
}

/** Runs `cordon` inside of this process: everything but the start of the program, and much faster. */
export async function callCordon(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  stdin = '',
  terminal?: Terminal,
  live: Live = {},
): Promise<Ended> {
  const stdout = new Collected(live.onOutput);
  const stderr = new Collected();
  const code = await run(args, {
    stdout,
    stderr,
    outputDrained: () => Promise.resolve(),
    env,
    clock: systemClock,
    random: Math.random,
    readStdin: () => Promise.resolve(stdin),
    terminal,
    onInterrupt: (stop) => {
      live.onInterrupt?.(stop);
      return () => undefined;
    },
  });
  return { code, stdout: stdout.text, stderr: stderr.text };
}

class Collected implements TextSink {
  readonly isTTY = false;
  readonly columns = undefined;
  text = '';

  constructor(private readonly onOutput?: (text: string) => void) {}

  write(chunk: string | Uint8Array): void {
    const text = typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString();
    this.text += text;
    this.onOutput?.(text);
  }
}
