import type { Command, CommanderError } from 'commander';
import { usageProblem } from '../shared/command-line/usage.js';
import { CliError, ExitCode } from './exit.js';

/** A usage error of commander as `cordon` ends with it. Undefined: help or version was asked for and has been shown. */
export function explainUsage(
  error: CommanderError,
  program: Command,
  args: readonly string[],
): CliError | undefined {
  const problem = usageProblem(error, program, args);
  return problem && new CliError(ExitCode.USAGE, problem.message, problem.next);
}
