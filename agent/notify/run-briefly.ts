import { spawn } from 'node:child_process';
import type { Writable } from 'node:stream';

/** Longest run of one tool, milliseconds. */
const DEADLINE_MS = 5_000;
const PATH = `${process.env['PATH'] ?? ''}:/usr/bin:/bin`;

export interface BriefRun {
  readonly input?: string;
  /** User and group to run as; absent: those of this process. */
  readonly as?: { readonly uid: number; readonly gid: number };
  readonly environment?: Readonly<Record<string, string>>;
}

/** How a tool ended. `missing`: it is not installed. */
export type Ending =
  { readonly kind: 'done' | 'missing' } | { readonly kind: 'failed'; readonly why: string };

/** Runs a tool whose output nobody needs, for 5 s at most, with nothing of this process in its environment. */
export function runBriefly(
  tool: string,
  args: readonly string[],
  { input = '', as, environment = {} }: BriefRun = {},
): Promise<Ending> {
  return new Promise((resolve) => {
    const child = spawn(tool, args, {
      cwd: '/',
      env: { PATH, LC_ALL: 'C.UTF-8', ...environment },
      stdio: ['pipe', 'ignore', 'ignore'],
      timeout: DEADLINE_MS,
      killSignal: 'SIGKILL',
      ...as,
    });
    child.once('error', (error: NodeJS.ErrnoException) =>
      resolve(
        error.code === 'ENOENT'
          ? { kind: 'missing' }
          : { kind: 'failed', why: `${tool} cannot be started: ${error.message}` },
      ),
    );
    child.once('exit', (code, signal) =>
      resolve(
        code === 0 ? { kind: 'done' } : { kind: 'failed', why: `${tool} ended with ${code ?? signal}` },
      ),
    );
    // Without a free file descriptor there is no pipe, only the error above.
    const stdin = child.stdin as Writable | undefined;
    // A tool that ends before it has read everything breaks the pipe; its exit code tells.
    stdin?.on('error', () => undefined);
    stdin?.end(input);
  });
}
