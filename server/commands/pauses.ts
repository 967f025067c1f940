import { CommandState } from '../../shared/gen/cordon/v1/command.js';
import type { Reader, Tx } from '../store/store.js';

/** Whether an unfinished command is to stand still. */
export interface Pause {
  readonly id: string;
  readonly wanted: boolean;
}

/** Wants a command to stand still, or to go on. */
export async function setPause(tx: Tx, id: string, wanted: boolean): Promise<void> {
  await tx
    .updateTable('commands')
    .set({ pause_requested: wanted ? 1 : 0 })
    .where('id', '=', id)
    .execute();
}

/** Unfinished commands of a device that are to stand still, and those that stand still and are to go on. */
export async function pauses(db: Reader, deviceId: string): Promise<Pause[]> {
  const rows = await db
    .selectFrom('commands')
    .select(['id', 'pause_requested'])
    .where('device_id', '=', deviceId)
    .where('finished_at', 'is', null)
    .where((row) =>
      row.or([row('pause_requested', '=', 1), row('state', '=', CommandState.COMMAND_STATE_PAUSED)]),
    )
    .execute();
  return rows.map((row) => ({ id: row.id, wanted: row.pause_requested === 1 }));
}
