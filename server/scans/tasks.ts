import type { Selectable } from 'kysely';
import type { IocScanCommand } from '../../shared/gen/cordon/v1/command.js';
import { IocScanTask } from '../../shared/gen/cordon/v1/task.js';
import { fromDuration, fromTimestamp } from '../../shared/time.js';
import type { IocScanTasksTable } from '../store/scan-tables.js';
import type { PlannedTask } from './decide.js';
import { Starts, type Timing } from './starts.js';

export type ScanTaskRow = Selectable<IocScanTasksTable>;

/** Longest run of a task that does not say, milliseconds. */
export const DEFAULT_TIME_LIMIT_MS = 8 * 3_600_000;

/** What is stored of a task beside its columns. */
export function decodeTask(row: Pick<ScanTaskRow, 'task_proto'>): IocScanTask {
  return IocScanTask.decode(row.task_proto);
}

/** The task as its runs are planned. */
export function plannedTask(row: ScanTaskRow): PlannedTask {
  return {
    id: row.id,
    version: Number(row.version),
    scheduledAt: Number(row.scheduled_at),
    planFrom: row.to_plan === 1 ? Number(row.changed_at) : undefined,
  };
}

/** When the task runs. */
export function startsOf(row: ScanTaskRow): Starts {
  const task = decodeTask(row);
  const timing: Timing = {
    schedule: task.schedule,
    startAt: task.startAt && fromTimestamp(task.startAt),
    timeZone: task.timeZone,
    spreadMs: task.randomSpread ? fromDuration(task.randomSpread) : 0,
    skipMissed: task.skipMissed,
  };
  return new Starts(row.id, timing);
}

/** Longest run, milliseconds. */
export function timeLimitMs(task: IocScanTask): number {
  return task.timeLimit ? fromDuration(task.timeLimit) : DEFAULT_TIME_LIMIT_MS;
}

/** What a run of the task does. */
export function iocScanCommand(row: ScanTaskRow): IocScanCommand {
  const { documentHashes, settings, response } = decodeTask(row);
  return { taskId: row.id, documentHashes, taskName: row.name, settings, response };
}
