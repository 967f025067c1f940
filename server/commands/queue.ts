import { status } from '@grpc/grpc-js';
import type { Insertable } from 'kysely';
import { CordonError } from '../../shared/errors.js';
import type { CommandOrder, CommandUpdate } from '../../shared/gen/cordon/v1/agent_service.js';
import { CommandResult, CommandSpec, CommandState } from '../../shared/gen/cordon/v1/command.js';
import { ErrorReason } from '../../shared/gen/cordon/v1/error.js';
import { newId } from '../../shared/ids.js';
import { toDuration, toTimestamp } from '../../shared/time.js';
import { bounded } from '../desired/bounded.js';
import { chunksInTurns } from '../store/chunks.js';
import type { CommandsTable } from '../store/schema.js';
import type { Reader, Tx } from '../store/store.js';
import { boundedResult } from './bounded-result.js';
import { expireOverdue } from './endings.js';
import { UNFINISHED, isFinal, selectCommands, type CommandRow } from './command-rows.js';
import { boundedProgress } from './progress.js';

/** Most unfinished commands of one device, planned runs of IOC scan tasks among them. */
export const UNFINISHED_BOUND = 50;

const { COMMAND_STATE_PENDING: PENDING } = CommandState;

export interface NewCommand {
  readonly deviceId: string;
  readonly spec: CommandSpec;
  readonly requestedBy: string;
  readonly now: number;
  readonly expiresInMs: number;
  readonly runTimeoutMs: number;
}

/** Stores a command. @throws CordonError QUEUE_FULL */
export async function enqueue(tx: Tx, command: NewCommand): Promise<CommandRow> {
  const waiting = (await countUnfinished(tx, [command.deviceId])).get(command.deviceId) ?? 0;
  if (waiting >= UNFINISHED_BOUND) {
    throw new CordonError(
      status.RESOURCE_EXHAUSTED,
      ErrorReason.ERROR_REASON_QUEUE_FULL,
      `the device has ${UNFINISHED_BOUND} unfinished commands, planned scans among them; wait for some to end or cancel them`,
    );
  }
  const id = newId();
  await tx
    .insertInto('commands')
    .values(
      newCommandRow({
        id,
        device_id: command.deviceId,
        spec_proto: CommandSpec.encode(command.spec).finish(),
        requested_by: command.requestedBy,
        created_at: command.now,
        expires_at: command.now + command.expiresInMs,
        run_timeout_ms: command.runTimeoutMs,
      }),
    )
    .execute();
  return selectCommands(tx).where('commands.id', '=', id).executeTakeFirstOrThrow();
}

/** What a new command starts with. */
type Given = Pick<
  Insertable<CommandsTable>,
  | 'id'
  | 'device_id'
  | 'spec_proto'
  | 'requested_by'
  | 'created_at'
  | 'expires_at'
  | 'run_timeout_ms'
  | 'not_before'
  | 'task_id'
  | 'task_version'
  | 'scheduled'
>;

/** The row of a command that no device has yet. */
export function newCommandRow(given: Given): Insertable<CommandsTable> {
  return {
    ...given,
    state: PENDING,
    finished_at: null,
    error: '',
    result_proto: null,
    delivery_attempts: 0,
    cancel_requested: 0,
  };
}

/** How many unfinished commands these devices have; one that has none is left out. */
export async function countUnfinished(
  db: Reader,
  deviceIds: readonly string[],
): Promise<ReadonlyMap<string, number>> {
  const counts = new Map<string, number>();
  for await (const chunk of chunksInTurns(deviceIds)) {
    const rows = await db
      .selectFrom('commands')
      .select((row) => ['device_id', row.fn.countAll<number>().as('count')])
      .where('device_id', 'in', chunk)
      .where('finished_at', 'is', null)
      .groupBy('device_id')
      .execute();
    for (const { device_id: id, count } of rows) counts.set(id, Number(count));
  }
  return counts;
}

/**
 * Commands to write to a new or poked stream: those that the device has not accepted, and those that it accepted once
 * but no longer lists in its journal. Counts the attempt. One that is to be cancelled and that the device does not have ends
 * here instead.
 * @param openOnDevice ids that the device has in its journal
 * @param refusal why the agent cannot be given this work; undefined: it can. What it cannot be given is rejected here
 */
export async function takeForDelivery(
  tx: Tx,
  deviceId: string,
  openOnDevice: ReadonlySet<string>,
  refusal: (spec: CommandSpec) => string | undefined,
  now: number,
): Promise<CommandOrder[]> {
  await expireOverdue(tx, now, { deviceId });
  const rows = await selectCommands(tx)
    .where('commands.device_id', '=', deviceId)
    .where('commands.finished_at', 'is', null)
    .orderBy('commands.created_at')
    .orderBy('commands.id')
    .execute();
  const due: (CommandRow & { readonly spec: CommandSpec })[] = [];
  for (const row of rows) {
    if (openOnDevice.has(row.id)) continue;
    if (row.cancel_requested === 1) {
      // The device does not have it: sent again it would run, and might act, until the cancellation came after it.
      await end(tx, row.id, CommandState.COMMAND_STATE_CANCELLED, '', now);
      continue;
    }
    const spec = CommandSpec.decode(row.spec_proto);
    const error = refusal(spec);
    if (error === undefined) due.push({ ...row, spec });
    else await end(tx, row.id, CommandState.COMMAND_STATE_REJECTED, error, now);
  }
  if (due.length > 0) {
    await tx
      .updateTable('commands')
      .set((row) => ({ delivery_attempts: row('delivery_attempts', '+', 1) }))
      .where(
        'id',
        'in',
        due.map(({ id }) => id),
      )
      .execute();
  }
  return due.map((row) => ({
    id: row.id,
    attempt: row.delivery_attempts + 1,
    expiresAt: toTimestamp(Number(row.expires_at)),
    runTimeout: toDuration(Number(row.run_timeout_ms)),
    spec: row.spec,
    notBefore: row.not_before === null ? undefined : toTimestamp(Number(row.not_before)),
  }));
}

async function end(tx: Tx, id: string, state: CommandState, error: string, now: number): Promise<void> {
  await tx.updateTable('commands').set({ state, finished_at: now, error }).where('id', '=', id).execute();
}

/** Stores a step. A step after the final one, or for another device's command, changes nothing. */
export async function storeUpdate(
  tx: Tx,
  deviceId: string,
  update: CommandUpdate,
  now: number,
): Promise<void> {
  if (update.state === CommandState.COMMAND_STATE_UNSPECIFIED || update.state === PENDING) return;
  await tx
    .updateTable('commands')
    .set({
      state: update.state,
      error: bounded(update.error),
      progress_percent: Math.min(update.progressPercent, 100),
      ...(update.progress ? { progress_proto: boundedProgress(update.progress) } : {}),
      ...(update.result ? { result_proto: CommandResult.encode(boundedResult(update.result)).finish() } : {}),
      ...(isFinal(update.state) ? { finished_at: now } : {}),
    })
    .where('id', '=', update.id)
    .where('device_id', '=', deviceId)
    .where('state', 'in', UNFINISHED)
    .execute();
}

/**
 * Ids of commands that the device is to stop: an operator wants it, or the server has given the command up, which the
 * device had for so long without a word.
 * @param openOnDevice ids that the device has in its journal
 */
export async function cancellations(
  db: Reader,
  deviceId: string,
  openOnDevice: ReadonlySet<string>,
): Promise<string[]> {
  if (openOnDevice.size === 0) return [];
  const rows = await db
    .selectFrom('commands')
    .select('id')
    .where('device_id', '=', deviceId)
    .where('cancel_requested', '=', 1)
    .where('id', 'in', [...openOnDevice])
    .where((row) =>
      row.or([row('finished_at', 'is', null), row('state', '=', CommandState.COMMAND_STATE_TIMED_OUT)]),
    )
    .execute();
  return rows.map(({ id }) => id);
}

/** Stops a command: at once if no stream has had it, otherwise as soon as the device agrees. */
export async function cancel(tx: Tx, row: CommandRow, now: number): Promise<void> {
  const unsent = row.delivery_attempts === 0;
  await tx
    .updateTable('commands')
    .set(
      unsent
        ? { state: CommandState.COMMAND_STATE_CANCELLED, finished_at: now, cancel_requested: 1 }
        : { cancel_requested: 1 },
    )
    .where('id', '=', row.id)
    .execute();
}
