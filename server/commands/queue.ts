import { status } from '@grpc/grpc-js';
import type { Selectable } from 'kysely';
import { CordonError } from '../../shared/errors.js';
import type { CommandOrder, CommandUpdate } from '../../shared/gen/cordon/v1/agent_service.js';
import type { Command } from '../../shared/gen/cordon/v1/command.js';
import { CommandResult, CommandSpec, CommandState } from '../../shared/gen/cordon/v1/command.js';
import { ErrorReason } from '../../shared/gen/cordon/v1/error.js';
import { newId } from '../../shared/ids.js';
import { toDuration, toTimestamp } from '../../shared/time.js';
import type { CommandsTable } from '../store/schema.js';
import type { Reader, Tx } from '../store/store.js';

export type CommandRow = Selectable<CommandsTable>;

/** Most unfinished commands of one device. */
const UNFINISHED_BOUND = 50;
/** Finished commands are kept that long. */
const KEEP_FINISHED_MS = 7 * 86_400_000;

const { COMMAND_STATE_PENDING: PENDING, COMMAND_STATE_EXPIRED: EXPIRED } = CommandState;
const UNFINISHED = [PENDING, CommandState.COMMAND_STATE_ACCEPTED, CommandState.COMMAND_STATE_RUNNING];

/** Tells whether nothing can change any more. */
export function isFinal(state: CommandState): boolean {
  return !UNFINISHED.includes(state);
}

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
  const { waiting } = await tx
    .selectFrom('commands')
    .select((row) => row.fn.countAll<number>().as('waiting'))
    .where('device_id', '=', command.deviceId)
    .where('state', 'in', UNFINISHED)
    .executeTakeFirstOrThrow();
  if (Number(waiting) >= UNFINISHED_BOUND) {
    throw new CordonError(
      status.RESOURCE_EXHAUSTED,
      ErrorReason.ERROR_REASON_QUEUE_FULL,
      `the device has ${UNFINISHED_BOUND} unfinished commands; wait for some to end or cancel them`,
    );
  }
  const row: CommandRow = {
    id: newId(),
    device_id: command.deviceId,
    spec_proto: CommandSpec.encode(command.spec).finish(),
    state: PENDING,
    requested_by: command.requestedBy,
    created_at: command.now,
    expires_at: command.now + command.expiresInMs,
    run_timeout_ms: command.runTimeoutMs,
    finished_at: null,
    error: '',
    result_proto: null,
    delivery_attempts: 0,
    cancel_requested: 0,
  };
  await tx.insertInto('commands').values(row).execute();
  return row;
}

/**
 * Commands to write to a new or poked stream: those that the device has not accepted, and those that it accepted once
 * but no longer lists in its journal. Counts the attempt.
 * @param openOnDevice ids that the device has in its journal
 */
export async function takeForDelivery(
  tx: Tx,
  deviceId: string,
  openOnDevice: ReadonlySet<string>,
  now: number,
): Promise<CommandOrder[]> {
  await expireOverdue(tx, now, deviceId);
  const rows = await tx
    .selectFrom('commands')
    .selectAll()
    .where('device_id', '=', deviceId)
    .where('state', 'in', UNFINISHED)
    .orderBy('created_at')
    .execute();
  const due = rows.filter((row) => !openOnDevice.has(row.id));
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
    spec: CommandSpec.decode(row.spec_proto),
    notBefore: undefined,
  }));
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
      error: update.error.slice(0, 1000),
      ...(update.result ? { result_proto: CommandResult.encode(update.result).finish() } : {}),
      ...(isFinal(update.state) ? { finished_at: now } : {}),
    })
    .where('id', '=', update.id)
    .where('device_id', '=', deviceId)
    .where('state', 'in', UNFINISHED)
    .execute();
}

/** Ends commands that no device has accepted in time: all of them, or one device's. */
export async function expireOverdue(tx: Tx, now: number, deviceId?: string): Promise<void> {
  await tx
    .updateTable('commands')
    .set({ state: EXPIRED, finished_at: now, error: 'the device did not accept it before it expired' })
    .where('state', '=', PENDING)
    .where('expires_at', '<', now)
    .$if(deviceId !== undefined, (query) => query.where('device_id', '=', deviceId ?? ''))
    .execute();
}

/** Forgets commands that ended long ago. */
export async function forgetOld(tx: Tx, now: number): Promise<void> {
  await tx
    .deleteFrom('commands')
    .where('finished_at', '<', now - KEEP_FINISHED_MS)
    .execute();
}

/** Ids of accepted commands of a device that an operator wants stopped. */
export async function cancellations(db: Reader, deviceId: string): Promise<string[]> {
  const rows = await db
    .selectFrom('commands')
    .select('id')
    .where('device_id', '=', deviceId)
    .where('cancel_requested', '=', 1)
    .where('state', 'in', UNFINISHED)
    .execute();
  return rows.map(({ id }) => id);
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
    notBefore: undefined,
    progressPercent: 0,
    progress: undefined,
  };
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
