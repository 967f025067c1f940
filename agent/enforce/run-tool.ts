import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
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

/** A tool that has been started and waits for its standard input. */
export interface StartedTool {
  /**
   * Gives it all of its input and waits for its end.
   * @throws EnforceError when it cannot be started, runs longer than 10 s or writes without end; its own failure is a code
   */
  finish(input: string): Promise<ToolResult>;
  /** Ends it, whatever it does. Idempotent. */
  end(): void;
}

/**
 * Runs a system tool to its end with `input` on its standard input.
 * @param packageName Debian package that has it, for the message when it is missing
 * @throws EnforceError as `finish` of a started tool
 */
export function runTool(
  tool: string,
  packageName: string,
  args: readonly string[],
  input = '',
): Promise<ToolResult> {
  return startTool(tool, packageName, args).finish(input);
}

/** Starts a tool ahead of its use. The owner calls `finish` or `end`; the limit of 10 s counts from here. */
export function startTool(tool: string, packageName: string, args: readonly string[]): StartedTool {
  const child = spawn(tool, args, { env: toolEnvironment(), stdio: ['pipe', 'pipe', 'pipe'] });
  // A tool that ends before it has read everything breaks the pipe; its exit code tells the reason.
  child.stdin.on('error', () => undefined);
  const result = resultOf(child, tool, packageName, args);
  // What goes wrong before anybody waits is told to the one who does.
  result.catch(() => undefined);
  return {
    finish: (input) => {
      child.stdin.end(input);
      return result;
    },
    end: () => child.kill('SIGKILL'),
  };
}

function resultOf(
  child: ChildProcessWithoutNullStreams,
  tool: string,
  packageName: string,
  args: readonly string[],
): Promise<ToolResult> {
  return new Promise((resolve, reject) => {
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
  });
}
