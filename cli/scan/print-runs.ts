import { Command } from '../../shared/gen/cordon/v1/command.js';
import { IocScanTask } from '../../shared/gen/cordon/v1/task.js';
import { toProtoJson } from '../../shared/proto-json.js';
import type { Session } from '../session/session.js';
import { runsView } from '../view/scan-runs.js';
import { readNewestRuns } from './runs.js';
import { readScan } from './tasks.js';

/** Prints how each device stands with a scan. */
export async function printRuns({ api, printer, io }: Session, name: string): Promise<void> {
  const task = await readScan(api, name);
  const now = io.clock.wall();
  const runs = await readNewestRuns(api, task.id, now);
  printer.print(
    () => runsView(runs),
    () => ({
      iocScanTask: toProtoJson('IocScanTask', IocScanTask, task),
      devices: runs.map(({ deviceId, deviceName, current, planned }) => ({
        deviceId,
        deviceName,
        current: current ? toProtoJson('Command', Command, current) : null,
        planned: planned ? toProtoJson('Command', Command, planned) : null,
      })),
    }),
  );
}
