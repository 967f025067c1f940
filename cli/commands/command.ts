import type { Command } from 'commander';
import { printable } from '../../shared/command-line/printable.js';
import {
  Command as DeviceCommand,
  CommandState,
  commandStateToJSON,
  type CommandResult,
  type CommandSpec,
} from '../../shared/gen/cordon/v1/command.js';
import {
  CommandServiceService,
  CreateCommandRequest,
  GetCommandRequest,
} from '../../shared/gen/cordon/v1/command_service.js';
import { verificationToJSON, isolationStateToJSON } from '../../shared/gen/cordon/v1/isolation.js';
import { transportProtocolToJSON } from '../../shared/gen/cordon/v1/network.js';
import { sleep } from '../../shared/clock.js';
import { newId } from '../../shared/ids.js';
import { toProtoJson } from '../../shared/proto-json.js';
import { formatDuration } from '../../shared/time.js';
import { addWait, type WaitFlags } from '../arguments.js';
import { CliError, ExitCode } from '../exit.js';
import { withSession, type RunState, type Session } from '../session/session.js';
import { word } from '../view/device-rows.js';
import type { View } from '../view/printer.js';
import { cell } from '../view/table.js';

/** A command ends in well under a second on a connected device. */
const POLL_MS = 500;

type Work = NonNullable<CommandSpec['work']>;

/** `cordon command ...` */
export function addCommandCommands(program: Command, state: RunState): void {
  const commands = program.command('command').description('one-shot jobs on a device');

  const add = (name: string, description: string, work: Work): void => {
    addWait(
      commands.command(name).description(description).argument('<device>', 'name or id'),
      'the device has answered',
    ).action((device: string, flags: WaitFlags, command: Command) =>
      withSession(state, command, (session) => runCommand(session, device, work, flags)),
    );
  };
  add('self-test', 'check the isolation now', { $case: 'selfTest', value: {} });
  add('connections', 'list connections with their processes', { $case: 'collectConnections', value: {} });

  commands
    .command('show')
    .description('show a command and what it found')
    .argument('<id>', 'id as printed when it was ordered')
    .action((id: string, _: unknown, command: Command) =>
      withSession(state, command, async (session) => printCommand(session, await readCommand(session, id))),
    );
}

async function runCommand(session: Session, device: string, work: Work, flags: WaitFlags): Promise<void> {
  const { api, io } = session;
  const request = CreateCommandRequest.fromPartial({ device, spec: { work }, requestId: newId() });
  let command = requireCommand((await api.unary(CommandServiceService.createCommand, request)).command);
  const end = io.clock.sinceBoot() + flags.timeout;
  while (flags.wait && !isFinal(command.state) && io.clock.sinceBoot() < end) {
    await sleep(io.clock, POLL_MS);
    command = await readCommand(session, command.id);
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
      `the command ended as ${stateWord(command)}${why}`,
      `"cordon devices show ${device}" tells the state of the device`,
    );
  }
}

async function readCommand({ api }: Session, id: string): Promise<DeviceCommand> {
  const request = GetCommandRequest.fromPartial({ id });
  return requireCommand((await api.unary(CommandServiceService.getCommand, request)).command);
}

function requireCommand(command: DeviceCommand | undefined): DeviceCommand {
  if (command) return command;
  throw new CliError(
    ExitCode.REFUSED,
    'the server answered without a command',
    'look into the log of the server',
  );
}

function isFinal(state: CommandState): boolean {
  switch (state) {
    case CommandState.COMMAND_STATE_UNSPECIFIED:
    case CommandState.COMMAND_STATE_PENDING:
    case CommandState.COMMAND_STATE_ACCEPTED:
    case CommandState.COMMAND_STATE_RUNNING:
      return false;
    default:
      return true;
  }
}

function stateWord({ state }: DeviceCommand): string {
  return word(commandStateToJSON(state), 'COMMAND_STATE_');
}

function printCommand({ printer }: Session, command: DeviceCommand): void {
  printer.print(
    () => commandView(command),
    () => toProtoJson('Command', DeviceCommand, command),
  );
}

/** What a command found, or where it stands. */
function commandView(command: DeviceCommand): View {
  return command.result?.outcome
    ? resultView(command.result.outcome)
    : { kind: 'text', text: `command ${printable(command.id)}: ${stateWord(command)}\n` };
}

function resultView(outcome: NonNullable<CommandResult['outcome']>): View {
  switch (outcome.$case) {
    case 'selfTest': {
      const { observed } = outcome.value;
      const verification = observed?.evidence?.verification ?? 0;
      return {
        kind: 'fields',
        fields: [
          ['State', cell(word(isolationStateToJSON(observed?.state ?? 0), 'ISOLATION_STATE_'))],
          ['Verification', cell(word(verificationToJSON(verification), 'VERIFICATION_'))],
          ...(observed?.evidence?.checks ?? []).map((check): [string, ReturnType<typeof cell>] => [
            check.name,
            cell(check.detail),
          ]),
        ],
      };
    }
    case 'collectConnections':
      return {
        kind: 'table',
        headings: ['PROTOCOL', 'LOCAL', 'REMOTE', 'STATE', 'PROCESS'],
        rows: outcome.value.connections.map((one) => [
          cell(word(transportProtocolToJSON(one.protocol), 'TRANSPORT_PROTOCOL_')),
          cell(endpoint(one.localAddress, one.localPort)),
          cell(one.remoteAddress ? endpoint(one.remoteAddress, one.remotePort) : '-'),
          cell(one.state || '-'),
          cell(one.processId ? `${one.processName} (${one.processId})` : '-'),
        ]),
        empty: 'no connections',
      };
    case 'iocScan':
      return {
        kind: 'text',
        text: `${outcome.value.itemsScanned} items scanned, ${outcome.value.detections} detections\n`,
      };
    case 'listQuarantine':
    case 'restoreQuarantined':
      return {
        kind: 'table',
        headings: ['ID', 'PATH', 'SIZE', 'REASON'],
        rows: outcome.value.files.map((file) => [
          cell(file.id),
          cell(file.path),
          cell(`${file.sizeBytes}`),
          cell(file.reason),
        ]),
        empty: 'the quarantine is empty',
      };
  }
}

function endpoint(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}
