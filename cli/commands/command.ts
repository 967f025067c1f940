import type { Command } from 'commander';
import {
  CommandServiceService,
  ListCommandsRequest,
  ListCommandsResponse,
} from '../../shared/gen/cordon/v1/command_service.js';
import { toProtoJson } from '../../shared/proto-json.js';
import { addWait, parseCount, type WaitFlags } from '../arguments.js';
import { readDeviceNames } from '../device-names.js';
import { readPages } from '../pages.js';
import { withSession, type RunState, type Session } from '../session/session.js';
import { COMMAND_HEADINGS, commandRow } from '../view/command.js';
import { printCommand, readCommand, runCommand, type Work } from '../wait/run-command.js';

interface ListFlags {
  readonly device?: string;
  readonly task?: string;
  readonly limit: number;
}

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
      withSession(state, command, async (session) =>
        printCommand(session, await readCommand(session.api, id)),
      ),
    );

  commands
    .command('list')
    .description('list commands, newest first: those that wait or run, and what ended in the last 7 days')
    .option('--device <device>', 'of this device alone')
    .option('--task <scan>', 'runs of this scan alone: name or id')
    .option('--limit <n>', 'at most this many', parseCount(1, 100_000), 100)
    .addHelpText(
      'after',
      '\nExamples:\n  cordon command list --device laptop-17\n  cordon command list --task nightly --limit 20',
    )
    .action((flags: ListFlags, command: Command) =>
      withSession(state, command, (session) => listCommands(session, flags)),
    );
}

async function listCommands({ api, printer }: Session, flags: ListFlags): Promise<void> {
  const commands = await readPages(async (pageToken, pageSize) => {
    const request = ListCommandsRequest.fromPartial({
      device: flags.device ?? '',
      task: flags.task ?? '',
      pageToken,
      pageSize,
    });
    const page = await api.unary(CommandServiceService.listCommands, request);
    return { items: page.commands, nextPageToken: page.nextPageToken };
  }, flags.limit);
  const names =
    printer.format === 'table'
      ? await readDeviceNames(
          api,
          commands.map(({ deviceId }) => deviceId),
        )
      : new Map<string, string>();
  printer.print(
    () => ({
      kind: 'table',
      headings: COMMAND_HEADINGS,
      rows: commands.map((command) => commandRow(command, names.get(command.deviceId) ?? command.deviceId)),
      empty: 'no commands',
    }),
    () => toProtoJson('ListCommandsResponse', ListCommandsResponse, { commands, nextPageToken: '' }),
  );
}
