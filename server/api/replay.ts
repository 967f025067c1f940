import { createHash } from 'node:crypto';
import { status } from '@grpc/grpc-js';
import type { CancelTimer, Clock } from '../../shared/clock.js';
import { CordonError } from '../../shared/errors.js';
import { ErrorReason } from '../../shared/gen/cordon/v1/error.js';
import type { Logger } from '../../shared/log.js';
import { every } from '../../shared/periodic.js';
import type { Reader, Store, Tx } from '../store/store.js';

const KEPT_MS = 24 * 3_600_000;
const PURGE_EVERY_MS = 3_600_000;

/** A mutation that a client may repeat. */
export interface Repeatable {
  readonly tokenId: string;
  readonly requestId: string;
  /** Full name of the rpc. */
  readonly method: string;
  /** The request as it is encoded. */
  readonly bytes: Uint8Array;
}

const hashOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/**
 * The stored answer to the same request; undefined if the request_id is new.
 * @throws CordonError REQUEST_ID_REUSED if the id was used for another request
 */
export async function storedAnswer(db: Reader, call: Repeatable): Promise<Uint8Array | undefined> {
  const row = await db
    .selectFrom('requests')
    .select(['method', 'request_hash', 'response_proto'])
    .where('token_id', '=', call.tokenId)
    .where('request_id', '=', call.requestId)
    .executeTakeFirst();
  if (!row) return undefined;
  if (row.method !== call.method || row.request_hash !== hashOf(call.bytes)) {
    throw requestIdReused('was used for another request; make a new one for each request');
  }
  return row.response_proto;
}

export async function storeAnswer(tx: Tx, call: Repeatable, answer: Uint8Array, now: number): Promise<void> {
  await tx
    .insertInto('requests')
    .values({
      request_id: call.requestId,
      token_id: call.tokenId,
      method: call.method,
      request_hash: hashOf(call.bytes),
      response_proto: answer,
      created_at: now,
    })
    .execute();
}

/** `problem` continues "the request_id ". */
export function requestIdReused(problem: string): CordonError {
  return new CordonError(
    status.ALREADY_EXISTS,
    ErrorReason.ERROR_REASON_REQUEST_ID_REUSED,
    `the request_id ${problem}`,
  );
}

/** Forgets answers older than 24 h, every hour. The returned function ends it. */
export function purgeOldAnswers(deps: { store: Store; clock: Clock; log: Logger }): CancelTimer {
  const { store, clock, log } = deps;
  const purge = async (): Promise<void> => {
    await store.write((tx) =>
      tx
        .deleteFrom('requests')
        .where('created_at', '<', clock.wall() - KEPT_MS)
        .execute(),
    );
  };
  return every(clock, PURGE_EVERY_MS, purge, (error) =>
    log.error({ err: error }, 'old answers could not be purged; trying again in an hour'),
  );
}
