import { once } from 'node:events';
import { Writable } from 'node:stream';
import { createInterface } from 'node:readline';
import type { WriteStream } from 'node:tty';
import type { Terminal, TextSink } from './io.js';

/** Standard output or standard error of this process. */
export function streamSink(stream: WriteStream): TextSink {
  return {
    isTTY: stream.isTTY,
    get columns() {
      return stream.columns;
    },
    write: (chunk) => void stream.write(chunk),
  };
}

/** Resolves when the stream takes more without keeping it in memory. */
export async function drained(stream: Writable): Promise<void> {
  if (stream.writableNeedDrain) await once(stream, 'drain');
}

/** The person at this process: questions go to standard error, so that results can still be sent to a file. */
export function processTerminal(): Terminal | undefined {
  if (!process.stdin.isTTY || !process.stderr.isTTY) return undefined;
  return {
    ask: (question) => ask(question, process.stderr),
    async askHidden(question) {
      process.stderr.write(question);
      const answer = await ask('', nowhere());
      process.stderr.write('\n');
      return answer;
    },
  };
}

function ask(question: string, output: NodeJS.WritableStream): Promise<string | undefined> {
  return new Promise((resolve) => {
    const lines = createInterface({ input: process.stdin, output, terminal: true, historySize: 0 });
    lines.once('close', () => resolve(undefined));
    lines.question(question, (answer) => {
      resolve(answer);
      lines.close();
    });
  });
}

/** Takes the echo of what is typed. */
function nowhere(): Writable {
  return new Writable({ write: (_chunk, _encoding, done) => done() });
}
