import { spawn } from 'node:child_process';
import { EnforceError } from './enforcer.js';

export interface ToolResult {
  /** Exit code; -1 when a signal ended it. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Longest run of one tool, milliseconds. */
const DEADLINE_MS = 10_000;
/** Most output that is read from one tool, bytes: a computer with 100,000 sockets lists about 20 MB. */
const MAX_OUTPUT = 64 * 1024 * 1024;

/** Environment for system tools: found where distributions put them, and speaking English. */
export function toolEnvironment(): NodeJS.ProcessEnv {
  return { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin:/usr/bin:/bin`, LC_ALL: 'C' };
}

/**
 * Runs a system tool to its end with `input` on its standard input.
 * @param packageName Debian package that has it, for the message when it is missing
 * @throws EnforceError when it cannot be started, runs longer than 10 s or writes without end; its own failure is a code
 */
export function runTool(
  tool: string,
  packageName: string,
  args: readonly string[],
  input = '',
): Promise<ToolResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(tool, args, { env: toolEnvironment(), stdio: ['pipe', 'pipe', 'pipe'] });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    let size = 0;
    const give = (message: string): void => {
      clearTimeout(deadline);
      child.kill('SIGKILL');
      reject(new EnforceError(message));
    };
    const deadline = setTimeout(
      () =>
        give(`${tool} did not end within ${DEADLINE_MS / 1000} s; try "${tool} ${args.join(' ')}" by hand`),
      DEADLINE_MS,
    );
    const collect = (into: Buffer[]) => (chunk: Buffer) => {
      size += chunk.length;
      if (size > MAX_OUTPUT) give(`${tool} wrote more than ${MAX_OUTPUT / 1024 / 1024} MB`);
      else into.push(chunk);
    };
    child.stdout.on('data', collect(stdout));
    child.stderr.on('data', collect(stderr));
    child.on('error', (error: NodeJS.ErrnoException) =>
      give(
        error.code === 'ENOENT'
          ? `${tool} is not installed; install it with: sudo apt-get install ${packageName}`
          : `${tool} cannot be started: ${error.message}`,
      ),
    );
    child.on('close', (code) => {
      clearTimeout(deadline);
      resolve({
        code: code ?? -1,
        stdout: Buffer.concat(stdout).toString(),
        stderr: Buffer.concat(stderr).toString().trim(),
      });
    });
    // A tool that ends before it has read everything breaks the pipe; its exit code tells the reason.
    child.stdin.on('error', () => undefined);
    child.stdin.end(input);
  });
}
