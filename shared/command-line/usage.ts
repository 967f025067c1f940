import type { Command, CommanderError } from 'commander';

/** What is wrong with a command line, and the help that explains it. */
export interface UsageProblem {
  readonly message: string;
  readonly next: string;
}

/**
 * Words a usage error of commander as one line. Undefined: help or version was asked for and has been shown.
 * @param args without interpreter and script
 */
export function usageProblem(
  error: CommanderError,
  program: Command,
  args: readonly string[],
): UsageProblem | undefined {
  if (error.exitCode === 0) return undefined;
  const command = typedCommand(program, args);
  const path = commandPath(command);
  const next = `run "${path} --help"`;
  if (error.code === 'commander.help') {
    const names = command
      .createHelp()
      .visibleCommands(command)
      .map((sub) => sub.name())
      .filter((name) => name !== 'help');
    return { message: `"${path}" needs a command: ${names.join(', ')}`, next };
  }
  if (error.code === 'commander.excessArguments' && command.commands.length > 0) {
    return { message: `unknown command '${command.args[0] ?? ''}'`, next };
  }
  const message = error.message
    .replace(/^error: /, '')
    .replace(/\n\(Did you mean (.*)\?\)$/s, ' (did you mean $1?)')
    .replace(/\. Expected (\d+) arguments? but got (\d+)/, ': expected $1, got $2')
    .replace(/\.(?=: expected|$)/, '');
  return { message, next };
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
