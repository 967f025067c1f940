import { status } from '@grpc/grpc-js';
import { CordonError } from '../../shared/errors.js';
import { ErrorReason } from '../../shared/gen/cordon/v1/error.js';
import type { Tx } from '../store/store.js';
import type { AlertRow } from './read.js';

export const MOST_COMMENTS = 1000;
/** Most text of all comments on one alert, bytes: an answer holds all of it. */
const MOST_TEXT = 1024 * 1024;
/** What an answer holds of a comment beside its text, bytes. */
const REST_BYTES = 300;

export interface Comment {
  readonly author: string;
  /** Milliseconds since 1970. */
  readonly writtenAt: number;
  readonly text: string;
}

/** Whether the alert takes one more comment. */
export function hasRoom(alert: AlertRow, text: string): boolean {
  const bytes = Number(alert.bytes) - alert.detection_proto.length + Buffer.byteLength(text);
  return alert.comment_count < MOST_COMMENTS && bytes <= MOST_TEXT;
}

/** @throws CordonError RESOURCE_EXHAUSTED when it has as many comments as it can hold */
export function requireRoom(alert: AlertRow, text: string): void {
  if (hasRoom(alert, text)) return;
  throw new CordonError(
    status.RESOURCE_EXHAUSTED,
    ErrorReason.ERROR_REASON_QUEUE_FULL,
    `the alert has ${alert.comment_count} comments, and no more fit: up to ${MOST_COMMENTS}, with ` +
      `${MOST_TEXT / 1024} KiB of text together. It can still be closed without a comment`,
  );
}

/** Adds a comment. The caller has looked whether there is room, and makes the new version of the alert. */
export async function addComment(tx: Tx, alert: AlertRow, comment: Comment): Promise<void> {
  await tx
    .insertInto('alert_comments')
    .values({
      alert_id: alert.id,
      number: alert.comment_count + 1,
      author: comment.author,
      written_at: comment.writtenAt,
      text: comment.text,
    })
    .execute();
  await tx
    .updateTable('alerts')
    .set((row) => ({
      comment_count: row('comment_count', '+', 1),
      bytes: row('bytes', '+', Buffer.byteLength(comment.text) + REST_BYTES),
    }))
    .where('id', '=', alert.id)
    .execute();
}
