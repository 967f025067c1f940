import { status } from '@grpc/grpc-js';
import type { Command } from 'commander';
import { printable } from '../../shared/command-line/printable.js';
import { isServiceError, readServiceError } from '../../shared/errors.js';
import type { Command as DeviceCommand } from '../../shared/gen/cordon/v1/command.js';
import { CommandState } from '../../shared/gen/cordon/v1/command.js';
import {
  CancelCommandRequest,
  CommandServiceService,
  ListCommandsResponse,
  PauseCommandRequest,
  ResumeCommandRequest,
} from '../../shared/gen/cordon/v1/command_service.js';
import { isId, newId } from '../../shared/ids.js';
import { toProtoJson } from '../../shared/proto-json.js';
import { collect } from '../arguments.js';
import type { Api } from '../client.js';
import { isFinal } from '../command-state.js';
import { readDeviceNames } from '../device-names.js';
import { CliError, ExitCode } from '../exit.js';
import { isPlanned, readRuns } from '../scan/runs.js';
import { readScan } from '../scan/tasks.js';
import { withSession, type RunState, type Session } from '../session/session.js';
import { shellWord } from '../shell-word.js';
import { readCommand } from '../wait/run-command.js';

/** What can be done to runs that have begun or are about to. */
type Change = 'pause' | 'resume' | 'cancel';

/** The state that a change ends in. */
const AIM: Readonly<Record<Change, CommandState>> = {
  pause: CommandState.COMMAND_STATE_PAUSED,
  resume: CommandState.COMMAND_STATE_RUNNING,
  cancel: CommandState.COMMAND_STATE_CANCELLED,
};

const DONE: Readonly<Record<Change, string>> = { pause: 'paused', resume: 'resumed', cancel: 'cancelled' };

/** What has been done as long as the device has not agreed. */
const TOLD: Readonly<Record<Change, string>> = {
  pause: 'told to pause',
  resume: 'told to go on',
  cancel: 'told to stop',
};

/** Runs that are meant. */
interface Target {
  readonly runs: readonly DeviceCommand[];
  /** Id of the one run that was named. Undefined: those of a scan. */
  readonly single: string | undefined;
}

/** `cordon scan pause`, `resume` and `cancel`. */
export function addScanSteerCommands(scans: Command, state: RunState): void {
  const add = (change: Change, description: string): void => {
    scans
      .command(change)
      .description(description)
      .argument('<scan or command>', 'name or id of the scan, or the id of one run')
      .option('--device <device>', 'only on this device: name or id; repeat for several', collect)
      .addHelpText(
        'after',
        `\nExamples:\n  cordon scan ${change} nightly\n  cordon scan ${change} nightly --device laptop-17`,
      )
      .action((name: string, { device }: { device?: string[] }, command: Command) =>
        withSession(state, command, (session) => changeRuns(session, change, name, device)),
      );
  };
  add('pause', 'stop runs for now; their time limit stands still');
  add('resume', 'let paused runs go on');
  add('cancel', 'end runs; starts that are planned stay');
}

async function changeRuns(
  session: Session,
  change: Change,
  name: string,
  devices: readonly string[] | undefined,
): Promise<void> {
  const { api, io, printer } = session;
  const { runs, single } = await findRuns(session, name, devices);
  const names = await readDeviceNames(
    api,
    runs.map(({ deviceId }) => deviceId),
  );
  const changed: DeviceCommand[] = [];
  for (const run of runs) {
    const after = await changeRun(api, change, run.id, single !== undefined);
    if (!after) continue;
    changed.push(after);
    const word = after.state === AIM[change] ? DONE[change] : TOLD[change];
    if (printer.format === 'table') {
      io.stdout.write(`${printable(`${names.get(run.deviceId) ?? run.deviceId}: ${word}`)}\n`);
    }
  }
  if (changed.length === 0) {
    const where = devices ? ` on ${devices.join(', ')}` : '';
    throw new CliError(
      ExitCode.REFUSED,
      `no run of ${name} is ${change === 'resume' ? 'paused' : 'under way'}${where}`,
      `"cordon scan status ${shellWord(name)}" shows how they stand`,
    );
  }
  if (printer.format === 'table') return;
  printer.print(
    () => ({ kind: 'text', text: '' }),
    () => toProtoJson('ListCommandsResponse', ListCommandsResponse, { commands: changed, nextPageToken: '' }),
  );
}

/**
 * Undefined: the change has no meaning for this run, or none any more, and it is one of many.
 * @param required it is the only one that is meant
 */
async function changeRun(
  api: Api,
  change: Change,
  id: string,
  required: boolean,
): Promise<DeviceCommand | undefined> {
  const request = { id, requestId: newId() };
  const send = {
    pause: () => api.unary(CommandServiceService.pauseCommand, PauseCommandRequest.fromPartial(request)),
    resume: () => api.unary(CommandServiceService.resumeCommand, ResumeCommandRequest.fromPartial(request)),
    cancel: () => api.unary(CommandServiceService.cancelCommand, CancelCommandRequest.fromPartial(request)),
  }[change];
  try {
    return (await send()).command;
  } catch (error) {
    if (!isServiceError(error) || error.code !== status.FAILED_PRECONDITION) throw error;
    if (!required) return undefined;
    throw new CliError(
      ExitCode.REFUSED,
      readServiceError(error).message,
      `"cordon command show ${id}" shows how it stands`,
    );
  }
}

/** One run by its id, or those of a scan that have not ended and whose time has come. */
async function findRuns(
  { api, io }: Session,
  name: string,
  devices: readonly string[] | undefined,
): Promise<Target> {
  const single = isId(name) ? await readCommandIfAny(api, name) : undefined;
  if (single && devices) {
    throw new CliError(
      ExitCode.USAGE,
      '--device has no meaning with the id of one run',
      'leave it out, or name the scan',
    );
  }
  if (single) return { runs: [single], single: single.id };
  const task = await readScan(api, name);
  const now = io.clock.wall();
  const open = (await readRuns(api, task.id)).filter((run) => !isFinal(run.state) && !isPlanned(run, now));
  return { runs: devices ? await ofDevices(api, open, devices) : open, single: undefined };
}

async function ofDevices(
  api: Api,
  runs: readonly DeviceCommand[],
  devices: readonly string[],
): Promise<DeviceCommand[]> {
  const names = await readDeviceNames(
    api,
    runs.map(({ deviceId }) => deviceId),
  );
  const meant = new Set(devices);
  return runs.filter(({ deviceId }) => meant.has(deviceId) || meant.has(names.get(deviceId) ?? deviceId));
}

async function readCommandIfAny(api: Api, id: string): Promise<DeviceCommand | undefined> {
  try {
    return await readCommand(api, id);
  } catch (error) {
    if (isServiceError(error) && error.code === status.NOT_FOUND) return undefined;
    throw error;
  }
}
