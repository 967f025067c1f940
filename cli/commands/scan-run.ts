import type { Command } from 'commander';
import { status } from '@grpc/grpc-js';
import { printable } from '../../shared/command-line/printable.js';
import { isServiceError } from '../../shared/errors.js';
import { Command as DeviceCommand, CommandState } from '../../shared/gen/cordon/v1/command.js';
import {
  CancelCommandRequest,
  CommandServiceService,
  ListCommandsResponse,
  PauseCommandRequest,
  ResumeCommandRequest,
} from '../../shared/gen/cordon/v1/command_service.js';
import {
  RunIocScanTaskRequest,
  RunIocScanTaskResponse,
  TaskServiceService,
} from '../../shared/gen/cordon/v1/task_service.js';
import { isId, newId } from '../../shared/ids.js';
import { toProtoJson } from '../../shared/proto-json.js';
import { formatDuration } from '../../shared/time.js';
import { addWait, collect, type WaitFlags } from '../arguments.js';
import type { Api } from '../client.js';
import { isFinal } from '../command-state.js';
import { readDeviceNames } from '../device-names.js';
import { CliError, ExitCode } from '../exit.js';
import { explain } from '../explain.js';
import { isPlanned, readRuns } from '../scan/runs.js';
import { readScan } from '../scan/tasks.js';
import { withSession, type RunState, type Session } from '../session/session.js';
import { awaitScans, readScanCommands } from '../wait/await-scans.js';
import { createLinesView } from '../wait/lines.js';
import { readCommand } from '../wait/run-command.js';
import { detections, scanError, scanLine, scanOutcome, scanText } from '../wait/scan-progress.js';

interface RunFlags extends WaitFlags {
  readonly device?: string[];
}

/** A scan may take hours: nobody wants to be told after a minute that it goes on. */
const WAIT_MS = 24 * 3_600_000;

/** What can be done to runs that have begun or are about to. */
type Change = 'pause' | 'resume' | 'cancel';

const DONE: Readonly<Record<Change, string>> = { pause: 'paused', resume: 'resumed', cancel: 'cancelled' };

/** `cordon scan run`, `pause`, `resume` and `cancel`. */
export function addScanRunCommands(scans: Command, state: RunState): void {
  addWait(
    scans
      .command('run')
      .description('run a scan now')
      .argument('<scan>', 'name or id')
      .option('--device <device>', 'only on this one of its devices; repeat for several', collect),
    'every device has finished; shows how far they are',
    WAIT_MS,
  )
    .addHelpText(
      'after',
      `
With --wait the exit code is 0 when every device has finished and nothing was found, and 5 when something was found.

Examples:
  cordon scan run nightly
  cordon scan run zeus --device laptop-17 --wait`,
    )
    .action((name: string, flags: RunFlags, command: Command) =>
      withSession(state, command, (session) => runScan(session, name, flags)),
    );

  const add = (change: Change, description: string): void => {
    scans
      .command(change)
      .description(description)
      .argument('<scan or command>', 'name or id of the scan, or the id of one run')
      .option('--device <device>', 'only on this device; repeat for several', collect)
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

async function runScan(session: Session, name: string, flags: RunFlags): Promise<void> {
  const { api, io, printer } = session;
  const request = RunIocScanTaskRequest.fromPartial({
    id: name,
    devices: flags.device ?? [],
    requestId: newId(),
  });
  const response = await api.unary(TaskServiceService.runIocScanTask, request);
  const { commandIds, skippedDevices } = response;
  if (commandIds.length === 0) {
    throw new CliError(
      ExitCode.REFUSED,
      skippedDevices > 0
        ? `${skippedDevices} devices were left out: a run has begun there, or too many commands wait`
        : 'the scan is for no device at the moment',
      `"cordon scan status ${name}" shows how they stand`,
    );
  }
  if (skippedDevices > 0) {
    io.stderr.write(`${skippedDevices} devices left out: a run has begun there, or too many commands wait\n`);
  }
  if (flags.wait) return waitForRuns(session, name, commandIds, flags);
  const told = commandIds.length === 1 ? '1 device' : `${commandIds.length} devices`;
  printer.print(
    () => ({
      kind: 'text',
      text: printable(`told ${told} to scan; "cordon scan status ${name}" shows how they come along`) + '\n',
    }),
    () => toProtoJson('RunIocScanTaskResponse', RunIocScanTaskResponse, response),
  );
}

async function waitForRuns(
  session: Session,
  scan: string,
  ids: readonly string[],
  flags: WaitFlags,
): Promise<void> {
  const { api, io, printer } = session;
  const showLines = createLinesView(io.stderr);
  let names: ReadonlyMap<string, string> = new Map();
  const nameOf = ({ deviceId, id }: DeviceCommand): string => names.get(deviceId) ?? (deviceId || id);
  const commands = await awaitScans(ids, {
    clock: io.clock,
    read: async (open) => {
      const read = await readScanCommands(api, scan, open);
      if (names.size === 0) {
        names = await readDeviceNames(
          api,
          read.flatMap(({ deviceId }) => (deviceId ? [deviceId] : [])),
        );
      }
      return read;
    },
    show: (now) => showLines(now.map((command) => scanLine(command, nameOf(command)))),
    onLoss: (delayMs) =>
      io.stderr.write(`cordon: connection lost; trying again in ${formatDuration(delayMs)}\n`),
    timeoutMs: flags.timeout,
    onInterrupt: (stop) => io.onInterrupt(stop),
  });
  if (printer.format !== 'table') {
    printer.print(
      () => ({ kind: 'text', text: '' }),
      () => ({
        results: commands.map((command) => ({
          deviceId: command.deviceId,
          deviceName: nameOf(command),
          commandId: command.id,
          outcome: scanOutcome(command),
          detections: detections(command),
          detail: scanText(command),
        })),
      }),
    );
  }
  const error = scanError(commands, scan, nameOf, formatDuration(flags.timeout));
  if (error) throw error;
}

async function changeRuns(
  session: Session,
  change: Change,
  name: string,
  devices: readonly string[] | undefined,
): Promise<void> {
  const { api, io, printer } = session;
  const runs = await runsToChange(session, change, name, devices);
  const names = await readDeviceNames(
    api,
    runs.map(({ deviceId }) => deviceId),
  );
  const changed: DeviceCommand[] = [];
  let failed = 0;
  for (const run of runs) {
    const device = names.get(run.deviceId) ?? run.deviceId;
    try {
      changed.push(await changeRun(api, change, run.id));
      if (printer.format === 'table') io.stdout.write(`${printable(`${device}: ${DONE[change]}`)}\n`);
    } catch (error) {
      // A run that has ended meanwhile is no reason to leave the others alone.
      if (!isServiceError(error) || error.code !== status.FAILED_PRECONDITION) throw error;
      failed += 1;
      io.stderr.write(
        `${printable(`${device}: not ${DONE[change]}: ${explain(error, undefined).message}`)}\n`,
      );
    }
  }
  if (printer.format !== 'table') {
    printer.print(
      () => ({ kind: 'text', text: '' }),
      () =>
        toProtoJson('ListCommandsResponse', ListCommandsResponse, { commands: changed, nextPageToken: '' }),
    );
  }
  if (failed === 0) return;
  throw new CliError(
    ExitCode.REFUSED,
    `${failed} of ${runs.length} runs were not ${DONE[change]}`,
    `the lines above say why; "cordon command list" shows how they stand`,
  );
}

async function changeRun(api: Api, change: Change, id: string): Promise<DeviceCommand> {
  const request = { id, requestId: newId() };
  const { command } = await {
    pause: () => api.unary(CommandServiceService.pauseCommand, PauseCommandRequest.fromPartial(request)),
    resume: () => api.unary(CommandServiceService.resumeCommand, ResumeCommandRequest.fromPartial(request)),
    cancel: () => api.unary(CommandServiceService.cancelCommand, CancelCommandRequest.fromPartial(request)),
  }[change]();
  return command ?? DeviceCommand.fromPartial({ id });
}

/** One run by its id, or those of a scan that the change has a meaning for. */
async function runsToChange(
  { api, io }: Session,
  change: Change,
  name: string,
  devices: readonly string[] | undefined,
): Promise<DeviceCommand[]> {
  if (isId(name)) {
    const run = await readCommandIfAny(api, name);
    if (run && devices) {
      throw new CliError(
        ExitCode.USAGE,
        '--device has no meaning with the id of one run',
        'leave it out, or name the scan',
      );
    }
    if (run) return [run];
  }
  const task = await readScan(api, name);
  const now = io.clock.wall();
  const open = (await readRuns(api, task.id)).filter(
    (run) => fits(change, run.state) && !isPlanned(run, now),
  );
  const meant = devices ? await ofDevices(api, open, devices) : open;
  if (meant.length > 0) return meant;
  const what = change === 'resume' ? 'paused' : 'running';
  throw new CliError(
    ExitCode.REFUSED,
    `no run of ${task.displayName} is ${what}${devices ? ` on ${devices.join(', ')}` : ''}`,
    `"cordon scan status ${task.displayName}" shows how they stand`,
  );
}

function fits(change: Change, state: CommandState): boolean {
  const paused = state === CommandState.COMMAND_STATE_PAUSED;
  switch (change) {
    case 'pause':
      return !isFinal(state) && !paused;
    case 'resume':
      return paused;
    case 'cancel':
      return !isFinal(state);
  }
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
