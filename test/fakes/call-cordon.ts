import { run } from '../../cli/run.js';
import type { Terminal, TextSink } from '../../cli/io.js';
import { systemClock } from '../../shared/clock.js';

/** How a call of `cordon` ended. */
export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `cordon` inside of this process: everything but the start of the program, and much faster. */
export async function callCordon(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  stdin = '',
  terminal?: Terminal,
): Promise<Ended> {
  const stdout = new Collected();
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
    onInterrupt: () => () => undefined,
  });
  return { code, stdout: stdout.text, stderr: stderr.text };
}

class Collected implements TextSink {
  readonly isTTY = false;
  readonly columns = undefined;
  text = '';

  write(chunk: string | Uint8Array): void {
    this.text += typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString();
  }
}
