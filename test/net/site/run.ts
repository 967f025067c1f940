import { spawn, spawnSync } from 'node:child_process';

export interface RunResult {
  /** Exit code; -1 when a signal ended it or the deadline passed. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

const PATH = `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`;
/** Longest run of one command, milliseconds, unless told otherwise. */
const DEADLINE_MS = 30_000;

/** Environment in which ip, nft and ss are found. */
export function systemEnvironment(): NodeJS.ProcessEnv {
  return { ...process.env, PATH, LC_ALL: 'C' };
}

/** Runs a command to its end; a failure of the command is a code, not an exception. */
export function run(
  command: string,
  args: readonly string[],
  options: { readonly input?: string; readonly timeoutMs?: number } = {},
): Promise<RunResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      env: systemEnvironment(),
      timeout: options.timeoutMs ?? DEADLINE_MS,
      killSignal: 'SIGKILL',
    });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => (stdout += chunk));
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => (stderr += chunk));
    child.on('error', (error) => reject(new Error(`${command} cannot be started: ${error.message}`)));
    child.on('close', (code) => resolve({ code: code ?? -1, stdout, stderr }));
    child.stdin.on('error', () => undefined);
    child.stdin.end(options.input ?? '');
  });
}

/** Runs a command that must succeed, and waits for it. For building and removing, also while the process is ending. */
export function must(command: string, args: readonly string[], input = '', timeoutMs = DEADLINE_MS): void {
  const { status, stderr, error } = spawnSync(command, args, {
    env: systemEnvironment(),
    input,
    timeout: timeoutMs,
  });
  if (error) throw new Error(`${command} cannot be started: ${error.message}`);
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} failed: ${stderr.toString().trim()}`);
}
