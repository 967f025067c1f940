import type { ReadStream } from 'node:tty';

const LONGEST = 4096;

/**
 * Reads one line from standard input: a password that is to stand neither in the list of processes nor in the shell's
 * history. At a terminal it asks, and shows nothing of what is typed. Empty: there was none.
 */
export function readPassword(stdin: NodeJS.ReadStream, ask: (text: string) => void): Promise<string> {
  const terminal: ReadStream | undefined = stdin.isTTY ? stdin : undefined;
  return new Promise((resolve, reject) => {
    let text = '';
    const end = (finish: () => void): void => {
      stdin.off('data', take).off('end', done).off('error', fail).pause();
      terminal?.setRawMode(false);
      if (terminal) ask('\n');
      finish();
    };
    const done = (): void => end(() => resolve(text));
    const fail = (error: Error): void => end(() => reject(error));
    const take = (chunk: Buffer | string): void => {
      for (const character of chunk.toString()) {
        if (character === '\r' || character === '\n' || character === '\x04') return done();
        // A terminal in this mode hands over the keys that edit, interrupt and, on Windows, end the input.
        if (terminal && character === '\x1a') return done();
        if (terminal && character === '\x03') return fail(new Error('interrupted'));
        if (terminal && (character === '\x7f' || character === '\b')) text = [...text].slice(0, -1).join('');
        else text += character;
        if (text.length > LONGEST) return fail(new Error('the password is too long'));
      }
    };
    if (terminal) {
      ask('Password: ');
      terminal.setRawMode(true);
    }
    stdin.setEncoding('utf8');
    stdin.on('data', take).once('end', done).once('error', fail);
  });
}
