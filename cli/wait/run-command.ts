import { Command, CommandState, type CommandSpec } from '../../shared/gen/cordon/v1/command.js';
import {
  CommandServiceService,
  CreateCommandRequest,
  GetCommandRequest,
} from '../../shared/gen/cordon/v1/command_service.js';
import { sleep } from '../../shared/clock.js';
import { newId } from '../../shared/ids.js';
import { toProtoJson } from '../../shared/proto-json.js';
import { formatDuration } from '../../shared/time.js';
import type { WaitFlags } from '../arguments.js';
import type { Api } from '../client.js';
import { isFinal, stateWord } from '../command-state.js';
import { CliError, ExitCode } from '../exit.js';
import type { Session } from '../session/session.js';
import { commandView } from '../view/command.js';

/** A command ends in well under a second on a connected device. */
const POLL_MS = 500;

export type Work = NonNullable<CommandSpec['work']>;

/**
 * Orders a command and prints it; with --wait what it found.
 * @throws CliError when it failed or did not end in time
 */
export async function runCommand(
  session: Session,
  device: string,
  work: Work,
  flags: WaitFlags,
): Promise<void> {
  const { api, io } = session;
  const request = CreateCommandRequest.fromPartial({ device, spec: { work }, requestId: newId() });
  let command = requireCommand((await api.unary(CommandServiceService.createCommand, request)).command);
  const end = io.clock.sinceBoot() + flags.timeout;
  while (flags.wait && !isFinal(command.state) && io.clock.sinceBoot() < end) {
    await sleep(io.clock, POLL_MS);
    command = await readCommand(api, command.id);
  }
  printCommand(session, command);
  if (!flags.wait) return;
  if (!isFinal(command.state)) {
    throw new CliError(
      ExitCode.PENDING,
      `${device} did not answer within ${formatDuration(flags.timeout)}`,
      `the command stays ordered; "cordon command show ${command.id}" shows the answer`,
    );
  }
  if (command.state !== CommandState.COMMAND_STATE_SUCCEEDED) {
    const why = command.error ? `: ${command.error}` : '';
    throw new CliError(
      ExitCode.REFUSED,
      `the command ended as ${stateWord(command.state)}${why}`,
      `"cordon devices show ${device}" tells the state of the device`,
    );
  }
}

export async function readCommand(api: Api, id: string): Promise<Command> {
  const request = GetCommandRequest.fromPartial({ id });
  return requireCommand((await api.unary(CommandServiceService.getCommand, request)).command);
}

export function printCommand({ printer }: Pick<Session, 'printer'>, command: Command): void {
  printer.print(
    () => commandView(command),
    () => toProtoJson('Command', Command, command),
  );
}

function requireCommand(command: Command | undefined): Command {
  if (command) return command;
  throw new CliError(
    ExitCode.REFUSED,
    'the server answered without a command',
    'look into the log of the server',
  );
}
