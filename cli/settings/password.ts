import { characters } from '../../shared/characters.js';
import { CliError, ExitCode } from '../exit.js';
import type { CliIo } from '../io.js';

const LONGEST = 1024;

/**
 * A new password: typed twice without echo, or the first line of standard input.
 * @throws CliError when the two differ, or it cannot be one
 */
export async function readNewPassword(io: CliIo, stdin: boolean): Promise<string> {
  if (stdin) return check((await io.readStdin()).replace(/\r?\n$/, ''));
  const { terminal } = io;
  if (!terminal) {
    throw new CliError(
      ExitCode.USAGE,
      'there is no terminal to type a password on',
      'send it to standard input and add --stdin',
    );
  }
  const typed = await terminal.askHidden('New password: ');
  if (typed === undefined)
    throw new CliError(ExitCode.REFUSED, 'nothing was typed: nothing was changed', 'try again');
  const first = check(typed);
  const second = await terminal.askHidden('The same again: ');
  if (first === second) return first;
  throw new CliError(ExitCode.USAGE, 'the two passwords differ: nothing was changed', 'try again');
}

function check(password: string): string {
  if (password === '') throw refused('the password is empty', 'type one, or use --remove for none');
  if (/[\r\n\0]/.test(password)) throw refused('a password has one line', 'send one line');
  if (characters(password) > LONGEST)
    throw refused(`a password has at most ${LONGEST} characters`, 'use a shorter one');
  return password;
}

function refused(message: string, next: string): CliError {
  return new CliError(ExitCode.USAGE, message, next);
}
