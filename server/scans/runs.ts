import type { Insertable } from 'kysely';
import { newId } from '../../shared/ids.js';
import { newCommandRow } from '../commands/queue.js';
import { BEGUN } from '../commands/command-rows.js';
import { chunksInTurns } from '../store/chunks.js';
import type { CommandsTable } from '../store/schema.js';
import type { Reader, Tx } from '../store/store.js';
import type { OpenRun, WantedRun } from './decide.js';
import { decodeTask, timeLimitMs, type ScanTaskRow } from './tasks.js';

/** Unfinished runs of a task by device; those that were taken back already are left out. */
export async function openRuns(
  db: Reader,
  taskId: string,
  deviceIds?: readonly string[],
): Promise<ReadonlyMap<string, readonly OpenRun[]>> {
  const found = new Map<string, OpenRun[]>();
  for await (const chunk of deviceIds ? chunksInTurns(deviceIds) : [undefined]) {
    let query = db
      .selectFrom('commands')
      .select([
        'id',
        'device_id',
        'task_version',
        'scheduled',
        'state',
        'not_before',
        'expires_at',
        'requested_by',
      ])
      .where('task_id', '=', taskId)
      .where('finished_at', 'is', null)
      .where('withdrawn', '=', 0);
    if (chunk) query = query.where('device_id', 'in', chunk);
    for (const row of await query.execute()) {
      const run: OpenRun = {
        id: row.id,
        version: row.task_version,
        scheduled: row.scheduled === 1,
        begun: BEGUN.includes(row.state),
        notBefore: row.not_before === null ? null : Number(row.not_before),
        expiresAt: Number(row.expires_at),
        requestedBy: row.requested_by,
      };
      const others = found.get(row.device_id);
      if (others) others.push(run);
      else found.set(row.device_id, [run]);
    }
  }
  return found;
}

/** A run for one device. */
export interface NewRun extends WantedRun {
  readonly deviceId: string;
}

/** Stores runs of a task, whose spec is kept. Returns the ids of the commands, in the order of `runs`. */
export async function addRuns(
  tx: Tx,
  row: ScanTaskRow,
  runs: readonly NewRun[],
  now: number,
): Promise<string[]> {
  const runTimeoutMs = timeLimitMs(decodeTask(row));
  const rows = runs.map(({ deviceId, requestedBy, notBefore, expiresAt }): Insertable<CommandsTable> =>
    newCommandRow({
      id: newId(),
      device_id: deviceId,
      // Kept once for all devices.
      spec_proto: Buffer.alloc(0),
      // No name of an operator has a colon.
      requested_by: requestedBy ?? `task:${row.name}`,
      created_at: now,
      expires_at: expiresAt,
      run_timeout_ms: runTimeoutMs,
      not_before: notBefore,
      task_id: row.id,
      task_version: row.version,
      scheduled: requestedBy === undefined ? 1 : 0,
    }),
  );
  for await (const chunk of chunksInTurns(rows)) await tx.insertInto('commands').values(chunk).execute();
  return rows.map(({ id }) => id);
}

/**
 * Takes runs back: one that no device has had is gone at once, any other as soon as the device agrees.
 */
export async function withdrawRuns(tx: Tx, ids: readonly string[]): Promise<void> {
  for await (const chunk of chunksInTurns(ids)) {
    await tx.deleteFrom('commands').where('id', 'in', chunk).where('delivery_attempts', '=', 0).execute();
    await tx
      .updateTable('commands')
      .set({ cancel_requested: 1, withdrawn: 1 })
      .where('id', 'in', chunk)
      .execute();
  }
}

/** Takes back every unfinished run of a task, those that have begun too. Returns the devices that had one. */
export async function withdrawAll(tx: Tx, taskId: string): Promise<string[]> {
  const rows = await tx
    .selectFrom('commands')
    .select(['id', 'device_id'])
    .where('task_id', '=', taskId)
    .where('finished_at', 'is', null)
    .execute();
  await withdrawRuns(
    tx,
    rows.map(({ id }) => id),
  );
  return [...new Set(rows.map(({ device_id: id }) => id))];
}
