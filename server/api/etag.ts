import { status } from '@grpc/grpc-js';
import { CordonError } from '../../shared/errors.js';
import { ErrorReason } from '../../shared/gen/cordon/v1/error.js';

/** The etag of a record: the number of its changes. */
export function etagOf(row: { readonly version: number }): string {
  return String(row.version);
}

/**
 * Lets a change pass only while the record is as the client has seen it.
 * @param etag of the client; empty: whatever it is now
 * @param what the record, for people: `policy "Office"`
 * @throws CordonError ETAG_MISMATCH
 */
export function requireEtag(row: { readonly version: number }, etag: string, what: string): void {
  if (etag === '' || etag === etagOf(row)) return;
  throw new CordonError(
    status.ABORTED,
    ErrorReason.ERROR_REASON_ETAG_MISMATCH,
    `${what} was changed by somebody else meanwhile; read it again, and repeat the change if it is still wanted`,
  );
}
