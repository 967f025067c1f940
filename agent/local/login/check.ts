import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { Verdict, type LoginQuestion } from './verdict.js';

/** What the operating system says to a login password. */
export type LoginVerdict =
  | { readonly kind: 'fits' }
  /** Wrong, or the account may not log in. */
  | { readonly kind: 'refused'; readonly why: string }
  /** It could not be checked. */
  | { readonly kind: 'trouble'; readonly why: string };

export type CheckLogin = (user: string, password: string) => Promise<LoginVerdict>;

const PROGRAM = fileURLToPath(new URL('./main.js', import.meta.url));
/** A module of PAM, or Windows, may ask another computer, which an isolated device does not reach. */
const DEADLINE_MS = 10_000;
const MOST_WORDS = 300;

/** Longest time that a check takes, milliseconds: what a client has to allow for. */
export const LONGEST_CHECK_MS = DEADLINE_MS;

/** Asks PAM, or Windows, in a process of its own; never throws. The password goes over a pipe, not over the command line. */
export const checkLogin: CheckLogin = (user, password) =>
  new Promise((resolve) => {
    const child = spawn(process.execPath, [PROGRAM], {
      env: environment(),
      stdio: ['pipe', 'pipe', 'ignore'],
      windowsHide: true,
      timeout: DEADLINE_MS,
      killSignal: 'SIGKILL',
    });
    let why = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (why = (why + text).slice(0, MOST_WORDS)));
    child.on('error', (error) => resolve({ kind: 'trouble', why: error.message }));
    child.on('close', (code) => resolve(verdictOf(code, why)));
    // A process that ends before it has read everything breaks the pipe; its exit code tells the reason.
    child.stdin.on('error', () => undefined);
    const question: LoginQuestion = { user, password };
    child.stdin.end(JSON.stringify(question));
  });

/** Nothing of the agent's own; Windows loads none of its libraries without its folder. */
function environment(): NodeJS.ProcessEnv {
  const { PATH, SystemRoot } = process.env;
  return { PATH, LC_ALL: 'C', ...(SystemRoot === undefined ? {} : { SystemRoot }) };
}

function verdictOf(code: number | null, why: string): LoginVerdict {
  if (code === Verdict.FITS) return { kind: 'fits' };
  if (code === Verdict.REFUSED) return { kind: 'refused', why };
  if (code === Verdict.TROUBLE) return { kind: 'trouble', why };
  return {
    kind: 'trouble',
    why: `the operating system gave no answer within ${DEADLINE_MS / 1000} s, or crashed`,
  };
}
