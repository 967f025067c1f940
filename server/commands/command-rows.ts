import { sql, type Selectable } from 'kysely';
import { ScanProgress } from '../../shared/gen/cordon/v1/ioc.js';
import type { Command } from '../../shared/gen/cordon/v1/command.js';
import { CommandResult, CommandSpec, CommandState } from '../../shared/gen/cordon/v1/command.js';
import { toDuration, toTimestamp } from '../../shared/time.js';
import type { CommandsTable } from '../store/schema.js';
import type { Reader } from '../store/store.js';

/** A command with its spec, wherever that is kept. */
export type CommandRow = Selectable<CommandsTable>;

/** States in which something can still change. */
export const UNFINISHED: readonly CommandState[] = [
  CommandState.COMMAND_STATE_PENDING,
  CommandState.COMMAND_STATE_ACCEPTED,
  CommandState.COMMAND_STATE_RUNNING,
  CommandState.COMMAND_STATE_PAUSED,
];
/** States of a command whose work the device has begun and not ended. */
export const BEGUN: readonly CommandState[] = [
  CommandState.COMMAND_STATE_RUNNING,
  CommandState.COMMAND_STATE_PAUSED,
];

/** Tells whether nothing can change any more. */
export function isFinal(state: CommandState): boolean {
  return !UNFINISHED.includes(state);
}

/** Commands with the spec that a run shares with the other runs of its task. */
export function selectCommands(db: Reader) {
  return db
    .selectFrom('commands')
    .leftJoin('ioc_scan_specs', (join) =>
      join
        .onRef('ioc_scan_specs.task_id', '=', 'commands.task_id')
        .onRef('ioc_scan_specs.version', '=', 'commands.task_version'),
    )
    .selectAll('commands')
    .select(sql<Uint8Array>`coalesce(ioc_scan_specs.spec_proto, commands.spec_proto)`.as('spec_proto'));
}

/** The contract's view of a row. */
export function commandMessage(row: CommandRow): Command {
  return {
    id: row.id,
    deviceId: row.device_id,
    spec: CommandSpec.decode(row.spec_proto),
    state: row.state,
    requestedBy: row.requested_by,
    createdAt: toTimestamp(Number(row.created_at)),
    expiresAt: toTimestamp(Number(row.expires_at)),
    runTimeout: toDuration(Number(row.run_timeout_ms)),
    finishedAt: row.finished_at === null ? undefined : toTimestamp(Number(row.finished_at)),
    error: row.error,
    result: row.result_proto ? CommandResult.decode(row.result_proto) : undefined,
    deliveryAttempts: row.delivery_attempts,
    notBefore: row.not_before === null ? undefined : toTimestamp(Number(row.not_before)),
    progressPercent: row.progress_percent,
    progress: row.progress_proto ? ScanProgress.decode(row.progress_proto) : undefined,
  };
}
