import { sql } from 'kysely';
import { CommandState } from '../../shared/gen/cordon/v1/command.js';
import type { IocScanTaskStatus } from '../../shared/gen/cordon/v1/task.js';
import { toTimestamp } from '../../shared/time.js';
import { UNFINISHED } from '../commands/command-rows.js';
import type { Reader } from '../store/store.js';

const {
  COMMAND_STATE_RUNNING: RUNNING,
  COMMAND_STATE_PAUSED: PAUSED,
  COMMAND_STATE_SUCCEEDED: SUCCEEDED,
} = CommandState;

/**
 * How the runs of a task stand. Each device counts once: by the run that it has begun, else by one whose time has come, else
 * by the last that ended, else by the one that is planned.
 */
export async function scanStatus(db: Reader, taskId: string, now: number): Promise<IocScanTaskStatus> {
  const { rows } = await sql<{ standing: string; devices: number }>`
    select standing, count(*) as devices
    from (
      select device_id, standing, row_number() over (partition by device_id order by place, ended desc) as turn
      from (
        select device_id,
          case
            when finished_at is null and state in (${RUNNING}, ${PAUSED}) then 1
            when finished_at is null and (not_before is null or not_before <= ${now}) then 2
            when finished_at is not null then 3
            else 4
          end as place,
          case
            when finished_at is null and state in (${RUNNING}, ${PAUSED}) then 'running'
            when finished_at is null then 'waiting'
            when state = ${SUCCEEDED} then 'succeeded'
            else 'failed'
          end as standing,
          coalesce(finished_at, 0) as ended
        from commands
        where task_id = ${taskId} and withdrawn = 0
      ) as runs
    ) as newest
    where turn = 1
    group by standing`.execute(db);
  const count = (standing: string): number =>
    Number(rows.find((row) => row.standing === standing)?.devices ?? 0);
  const { next } = await db
    .selectFrom('commands')
    .select((row) => row.fn.min('not_before').as('next'))
    .where('task_id', '=', taskId)
    .where('withdrawn', '=', 0)
    .where('state', 'in', UNFINISHED)
    .where('not_before', '>', now)
    .executeTakeFirstOrThrow();
  const { alerts } = await db
    .selectFrom('alerts')
    .select((row) => row.fn.countAll<number>().as('alerts'))
    .where('task_id', '=', taskId)
    .executeTakeFirstOrThrow();
  return {
    nextStart: next === null ? undefined : toTimestamp(Number(next)),
    waiting: count('waiting'),
    running: count('running'),
    succeeded: count('succeeded'),
    failed: count('failed'),
    alerts: Number(alerts),
  };
}
