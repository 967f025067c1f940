import type { Command } from 'commander';
import { printable } from '../../shared/command-line/printable.js';
import type { Command as DeviceCommand } from '../../shared/gen/cordon/v1/command.js';
import {
  RunIocScanTaskRequest,
  RunIocScanTaskResponse,
  TaskServiceService,
} from '../../shared/gen/cordon/v1/task_service.js';
import { newId } from '../../shared/ids.js';
import { toProtoJson } from '../../shared/proto-json.js';
import { formatDuration } from '../../shared/time.js';
import { addWait, collect, type WaitFlags } from '../arguments.js';
import { readDeviceNames } from '../device-names.js';
import { CliError, ExitCode } from '../exit.js';
import { shellWord } from '../shell-word.js';
import { withSession, type RunState, type Session } from '../session/session.js';
import { awaitScans, readScanCommands } from '../wait/await-scans.js';
import { createLinesView } from '../wait/lines.js';
import { detections, scanError, scanLine, scanOutcome, scanText } from '../wait/scan-progress.js';

interface RunFlags extends WaitFlags {
  readonly device?: string[];
}

/** A scan may take hours: nobody wants to be told after a minute that it goes on. */
const WAIT_MS = 24 * 3_600_000;

/** `cordon scan run`. */
export function addScanRunCommand(scans: Command, state: RunState): void {
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
        ? `${devicesText(skippedDevices)} left out: a run has begun there, or too many commands wait`
        : 'the scan is for no device at the moment',
      `"cordon scan status ${shellWord(name)}" shows how they stand`,
    );
  }
  if (skippedDevices > 0) {
    io.stderr.write(
      `${devicesText(skippedDevices)} left out: a run has begun there, or too many commands wait\n`,
    );
  }
  if (flags.wait) return waitForRuns(session, name, commandIds, flags);
  printer.print(
    () => ({
      kind: 'text',
      text:
        printable(
          `told ${devicesText(commandIds.length)} to scan; "cordon scan status ${shellWord(name)}" shows how they come along`,
        ) + '\n',
    }),
    () => toProtoJson('RunIocScanTaskResponse', RunIocScanTaskResponse, response),
  );
}

function devicesText(count: number): string {
  return count === 1 ? '1 device' : `${count} devices`;
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
