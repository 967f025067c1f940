import type { Command, CommanderError } from 'commander';
import { CliError, ExitCode } from './exit.js';

/**
 * Words a usage error of commander as one line with the command whose help explains it. Undefined: help or version was
 * asked for and has been shown.
 */
export function explainUsage(
  error: CommanderError,
  program: Command,
  args: readonly string[],
): CliError | undefined {
  if (error.exitCode === 0) return undefined;
  const command = typedCommand(program, args);
  const path = commandPath(command);
  if (error.code === 'commander.help') {
    const names = command
      .createHelp()
      .visibleCommands(command)
      .map((sub) => sub.name())
      .filter((name) => name !== 'help');
    return new CliError(
      ExitCode.USAGE,
      `"${path}" needs a command: ${names.join(', ')}`,
      `run "${path} --help"`,
    );
  }
  const message = error.message
    .replace(/^error: /, '')
    .replace(/\n\(Did you mean (.*)\?\)$/s, ' (did you mean $1?)')
    .replace(/\.$/, '');
  return new CliError(ExitCode.USAGE, message, `run "${path} --help"`);
}

/** The command that the words of a call lead to, as far as they do. */
function typedCommand(program: Command, args: readonly string[]): Command {
  let command = program;
  for (const word of args) {
    const next = command.commands.find((sub) => sub.name() === word || sub.aliases().includes(word));
    if (next) command = next;
    else if (command !== program && !word.startsWith('-')) break;
  }
  return command;
}

function commandPath(command: Command): string {
  return command.parent ? `${commandPath(command.parent)} ${command.name()}` : command.name();
}
