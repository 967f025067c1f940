import type { Command } from 'commander';
import { CliError, ExitCode } from './exit.js';
import type { CliIo } from './io.js';

export interface ConfirmFlags {
  readonly yes?: boolean;
  readonly dryRun?: boolean;
}

/** `--yes` and `--dry-run`. */
export function addConfirm(command: Command): Command {
  return command
    .option('--dry-run', 'show what would happen and change nothing')
    .option('-y, --yes', 'do not ask');
}

/**
 * Asks the person, unless --yes was given.
 * @throws CliError when the answer is not yes, or nobody can be asked
 */
export async function confirm(io: CliIo, question: string, { yes }: ConfirmFlags): Promise<void> {
  if (yes) return;
  if (!io.terminal) {
    throw new CliError(
      ExitCode.USAGE,
      'this has to be confirmed, and there is no terminal to ask on',
      'look at it with --dry-run, then repeat with --yes',
    );
  }
  const answer = await io.terminal.ask(`${question} [y/N] `);
  if (/^y(es)?$/i.test(answer?.trim() ?? '')) return;
  throw new CliError(
    ExitCode.REFUSED,
    'not confirmed: nothing was changed',
    'answer y, or repeat with --yes',
  );
}
