import { sql } from 'kysely';
import { CommandState } from '../../shared/gen/cordon/v1/command.js';
import { ROWS_PER_STATEMENT, aTurn, chunksInTurns } from '../store/chunks.js';
import type { Store, Tx } from '../store/store.js';

const DAY = 86_400_000;
/** Finished commands are kept that long; the newest run of an IOC scan task on a device as long as the task. */
const KEEP_FINISHED_MS = 7 * DAY;
/** A command is given up when its device has been silent for this long after it should have ended. */
const SILENT_MS = 7 * DAY;

/** Ends commands that no device has accepted in time, in short transactions. */
export async function expireAllOverdue(store: Store, now: number): Promise<void> {
  const due = await store.read
    .selectFrom('commands')
    .select('id')
    .where('finished_at', 'is', null)
    .where('state', '=', CommandState.COMMAND_STATE_PENDING)
    .where('expires_at', '<', now)
    .execute();
  // After days without a server all devices may have some.
  for await (const chunk of chunksInTurns(due)) {
    await store.write((tx) => expireOverdue(tx, now, { ids: chunk.map(({ id }) => id) }));
  }
}

/** Ends commands that no device has accepted in time: those of one device, or some of these. */
export async function expireOverdue(
  tx: Tx,
  now: number,
  among: { readonly deviceId: string } | { readonly ids: readonly string[] },
): Promise<void> {
  const query = tx
    .updateTable('commands')
    .set({
      state: CommandState.COMMAND_STATE_EXPIRED,
      finished_at: now,
      error: 'the device did not accept it before it expired',
    })
    .where('state', '=', CommandState.COMMAND_STATE_PENDING)
    .where('expires_at', '<', now);
  await (
    'ids' in among ? query.where('id', 'in', among.ids) : query.where('device_id', '=', among.deviceId)
  ).execute();
}

/**
 * Gives up commands of devices that took them and vanished: nothing was heard of the device for its longest run and 7 days
 * after the command could have begun. Should it come back with the command, it is told to stop.
 */
export async function endSilent(tx: Tx, now: number): Promise<void> {
  const { COMMAND_STATE_ACCEPTED: ACCEPTED, COMMAND_STATE_TIMED_OUT: TIMED_OUT } = CommandState;
  await tx
    .updateTable('commands')
    .set({
      state: TIMED_OUT,
      finished_at: now,
      cancel_requested: 1,
      error:
        'the device accepted it and has not been heard of for more than 7 days after it should have ended',
    })
    .where('finished_at', 'is', null)
    .where('state', '!=', CommandState.COMMAND_STATE_PENDING)
    .where(sql<boolean>`coalesce(not_before, created_at) + run_timeout_ms < ${now - SILENT_MS}`)
    // One that has not begun, by all that is known, may begin until it expires.
    .where(sql<boolean>`(state <> ${ACCEPTED} or expires_at + run_timeout_ms < ${now - SILENT_MS})`)
    .where(
      sql<boolean>`not exists (select 1 from devices
        where devices.id = commands.device_id and devices.last_seen_at + run_timeout_ms >= ${now - SILENT_MS})`,
    )
    .execute();
}

/** Forgets commands that ended long ago, in short transactions. */
export async function forgetOld(store: Store, now: number): Promise<void> {
  const before = now - KEEP_FINISHED_MS;
  let last: { readonly finished_at: number | null; readonly id: string } = { finished_at: 0, id: '' };
  for (;;) {
    const page = await store.read
      .selectFrom('commands')
      .select(['id', 'finished_at'])
      .where('finished_at', '<', before)
      // Not by deleting from the start: what is kept would stand there for ever.
      .where(sql<boolean>`(finished_at, id) > (${last.finished_at}, ${last.id})`)
      .orderBy('finished_at')
      .orderBy('id')
      .limit(ROWS_PER_STATEMENT)
      .execute();
    const end = page.at(-1);
    if (!end) return;
    last = end;
    const ids = page.map(({ id }) => id);
    await store.write((tx) => forget(tx, ids));
    await aTurn();
  }
}

async function forget(tx: Tx, ids: readonly string[]): Promise<void> {
  await tx
    .deleteFrom('commands')
    .where('id', 'in', ids)
    .where(
      // How a task fared on a device is known until its next run there has ended.
      sql<boolean>`not (withdrawn = 0
        and exists (select 1 from ioc_scan_tasks where ioc_scan_tasks.id = commands.task_id)
        and not exists (select 1 from commands as newer where newer.task_id = commands.task_id
          and newer.device_id = commands.device_id and newer.withdrawn = 0
          and newer.finished_at > commands.finished_at))`,
    )
    .execute();
}

/** Forgets what the runs of a task did in a version that neither the task has any more nor a command needs. */
export async function forgetSpecs(tx: Tx): Promise<void> {
  await tx
    .deleteFrom('ioc_scan_specs')
    .where(
      sql<boolean>`not exists (select 1 from commands where commands.task_id = ioc_scan_specs.task_id
        and commands.task_version = ioc_scan_specs.version)`,
    )
    .where(
      sql<boolean>`not exists (select 1 from ioc_scan_tasks where ioc_scan_tasks.id = ioc_scan_specs.task_id
        and ioc_scan_tasks.version = ioc_scan_specs.version)`,
    )
    .execute();
}
