import { CommanderError } from 'commander';
import { addCompletion, NO_NAMES, readNames } from './completion.js';
import { ExitCode } from './exit.js';
import { errorLine, explain } from './explain.js';
import type { CliIo } from './io.js';
import { createProgram } from './program.js';
import type { RunState } from './session/session.js';
import { explainUsage } from './usage.js';

/**
 * Runs one call of `cordon` and says how it ended. Never throws: every error becomes one line on standard error.
 * @param args words after the name of the program
 */
export async function run(args: readonly string[], io: CliIo): Promise<ExitCode> {
  const state: RunState = { io, server: undefined };
  const program = createProgram(state);
  try {
    addCompletion(program, args[0] === 'complete' ? await readNames(io) : NO_NAMES, io.stdout);
    await program.parseAsync([...args], { from: 'user' });
    return ExitCode.DONE;
  } catch (error) {
    const explained =
      error instanceof CommanderError ? explainUsage(error, program, args) : explain(error, state.server);
    if (!explained) return ExitCode.DONE;
    io.stderr.write(errorLine(explained));
    return explained.exitCode;
  }
}
