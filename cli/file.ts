import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { CliError, ExitCode } from './exit.js';
import type { CliIo } from './io.js';

/** `--file`, mandatory. */
export function addFile(command: Command): Command {
  return command.requiredOption('-f, --file <file>', 'YAML or JSON; "-" reads standard input');
}

/** Content of `--file`, and its name for messages. */
export async function readFileFlag(
  io: CliIo,
  path: string,
): Promise<{ readonly name: string; readonly text: string }> {
  if (path === '-') return { name: 'standard input', text: await io.readStdin() };
  try {
    return { name: path, text: readFileSync(path, 'utf8') };
  } catch (error) {
    throw new CliError(
      ExitCode.USAGE,
      `--file: ${path} cannot be read (${(error as NodeJS.ErrnoException).code ?? String(error)})`,
      'give a file that you may read, or "-" for standard input',
    );
  }
}
