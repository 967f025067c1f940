import { Writable } from 'node:stream';
import { createInterface } from 'node:readline';
import type { Terminal } from './io.js';

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
