import { spawn, type ChildProcessByStdio } from 'node:child_process';
import type { Readable } from 'node:stream';
import { toolEnvironment } from '../../../enforce/run-tool.js';

/** Longest that a tool may be silent while its next line is waited for, milliseconds. */
const SILENCE_MS = 10_000;
/** A longer line is left out, characters. */
const LONGEST_LINE = 1024 * 1024;

/**
 * Lines of a tool that may write a great deal, one at a time: it is held up while nobody takes them, and ended with the loop.
 * @throws Error when it cannot be started, fails, or is silent for 10 s; nothing when the signal ends it
 */
export async function* toolLines(
  tool: string,
  args: readonly string[],
  signal: AbortSignal,
): AsyncGenerator<string> {
  const child: ChildProcessByStdio<null, Readable, Readable> = spawn(tool, args, {
    env: toolEnvironment(),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(0, 1000)));
  const ended = new Promise<Error | undefined>((resolve) => {
    child.on('error', (error) => resolve(new Error(`${tool} cannot be started: ${error.message}`)));
    child.on('close', (code) =>
      resolve(code === 0 ? undefined : new Error(`${tool} failed: ${said.trim() || `exit code ${code}`}`)),
    );
  });
  const stop = (): boolean => child.kill('SIGKILL');
  signal.addEventListener('abort', stop, { once: true });
  try {
    yield* linesOf(child.stdout.setEncoding('utf8'), tool);
    const failure = await ended;
    if (failure && !signal.aborted) throw failure;
  } finally {
    signal.removeEventListener('abort', stop);
    stop();
  }
}

async function* linesOf(stream: Readable, tool: string): AsyncGenerator<string> {
  let begun = '';
  let tooLong = false;
  for await (const chunk of untilSilent(stream, tool)) {
    const lines = chunk.split('\n');
    for (const [index, piece] of lines.entries()) {
      if (!tooLong) begun += piece;
      if (begun.length > LONGEST_LINE) {
        tooLong = true;
        begun = '';
      }
      if (index === lines.length - 1) break;
      if (!tooLong) yield begun;
      begun = '';
      tooLong = false;
    }
  }
  if (begun !== '') yield begun;
}

/** The time runs only while a chunk is waited for: whoever takes the lines may rest in between. */
async function* untilSilent(stream: Readable, tool: string): AsyncGenerator<string> {
  const chunks = stream[Symbol.asyncIterator]() as AsyncIterator<string>;
  for (;;) {
    let timer: NodeJS.Timeout | undefined;
    const silence = new Promise<never>((_, reject) => {
      timer = setTimeout(
        () => reject(new Error(`${tool} wrote nothing for ${SILENCE_MS / 1000} s`)),
        SILENCE_MS,
      );
    });
    try {
      const next = await Promise.race([chunks.next(), silence]);
      if (next.done) return;
      yield next.value;
    } finally {
      clearTimeout(timer);
    }
  }
}
