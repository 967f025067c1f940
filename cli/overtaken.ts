import { status } from '@grpc/grpc-js';
import { isServiceError, readServiceError } from '../shared/errors.js';

/**
 * Reads, changes and writes. Somebody who was faster is not overwritten: what was written since is read again, once, and
 * the change is made to that.
 * @param attempt reads anew each time
 */
export async function withoutOverwriting<Result>(attempt: () => Promise<Result>): Promise<Result> {
  try {
    return await attempt();
  } catch (error) {
    if (!isOvertaken(error)) throw error;
    return attempt();
  }
}

function isOvertaken(error: unknown): boolean {
  if (!isServiceError(error) || error.code !== status.ABORTED) return false;
  return readServiceError(error).reason === 'ETAG_MISMATCH';
}
