import { status } from '@grpc/grpc-js';
import { characters } from '../../shared/characters.js';
import { CordonError, invalid } from '../../shared/errors.js';
import { ErrorReason } from '../../shared/gen/cordon/v1/error.js';
import type { Duration } from '../../shared/gen/google/protobuf/duration.js';
import { isId } from '../../shared/ids.js';
import { formatDuration, fromDuration } from '../../shared/time.js';

const REASON_LIMIT = 1000;
const LONGEST_DISPLAY_NAME = 128;

/** @throws CordonError INVALID_FIELD unless `reason` has 1 to 1000 characters beside white space */
export function requireReason(reason: string): void {
  if (reason.trim() === '') {
    throw invalid([{ field: 'reason', description: 'must say why, in 1 to 1000 characters' }]);
  }
  requireText('reason', reason, 1, REASON_LIMIT);
}

/** @throws CordonError INVALID_FIELD unless `text` has `least` to `most` characters */
export function requireText(field: string, text: string, least: number, most: number): void {
  const count = characters(text);
  if (count < least || count > most) {
    throw invalid([{ field, description: `must have ${least} to ${most} characters; it has ${count}` }]);
  }
}

/** @throws CordonError INVALID_FIELD unless `name` can be typed and printed, and has 1 to 128 characters */
export function requireDisplayName(field: string, name: string): void {
  requireText(field, name, 1, LONGEST_DISPLAY_NAME);
  if (/\p{Cc}/u.test(name) || name.trim() !== name) {
    throw invalid([
      { field, description: 'must not hold control characters, nor begin or end with a space' },
    ]);
  }
}

/** @throws CordonError INVALID_FIELD unless `requestId` is empty or a UUID */
export function requireRequestId(requestId: string): void {
  if (requestId !== '' && !isId(requestId.toLowerCase())) {
    throw invalid([{ field: 'request_id', description: 'must be a UUID made by the client, or empty' }]);
  }
}

/** @throws CordonError INVALID_FIELD unless `id` is a UUID */
export function requireId(field: string, id: string): void {
  if (!isId(id)) throw invalid([{ field, description: 'must be an id (a UUID in lower case)' }]);
}

/**
 * A duration between two limits, in milliseconds.
 * @returns milliseconds, or undefined when the field is absent
 * @throws CordonError INVALID_FIELD
 */
export function durationWithin(
  field: string,
  duration: Duration | undefined,
  leastMs: number,
  mostMs: number,
): number | undefined {
  if (!duration) return undefined;
  const ms = fromDuration(duration);
  if (ms < leastMs || ms > mostMs) {
    const range = `${formatDuration(leastMs)} to ${formatDuration(mostMs)}`;
    throw invalid([{ field, description: `must be ${range}` }]);
  }
  return ms;
}

/**
 * An object other than a device that a request names and that is not there.
 * @param by what it can be named by
 */
export function notFound(what: string, ref: string, by = 'id'): CordonError {
  return new CordonError(
    status.NOT_FOUND,
    ErrorReason.ERROR_REASON_NOT_FOUND,
    `no ${what} with the ${by} ${ref}`,
  );
}
