import { status } from '@grpc/grpc-js';
import { CordonError } from '../../shared/errors.js';
import { ErrorReason } from '../../shared/gen/cordon/v1/error.js';

/** Ways in which the server ends a stream. */

/** The agent broke the protocol. */
export function violation(message: string): CordonError {
  return new CordonError(status.INVALID_ARGUMENT, ErrorReason.ERROR_REASON_PROTOCOL_VIOLATION, message);
}

/** The agent does not keep up. */
export function slowConsumer(what: string): CordonError {
  const message = `the agent ${what}; it may resume`;
  return new CordonError(status.RESOURCE_EXHAUSTED, ErrorReason.ERROR_REASON_SLOW_CONSUMER, message);
}

/** Newest stream wins. */
export function replaced(): CordonError {
  const message = 'a newer stream of this device took over';
  return new CordonError(status.ABORTED, ErrorReason.ERROR_REASON_STREAM_REPLACED, message);
}

/** The server is about to stop. */
export function draining(): CordonError {
  const message = 'the server is about to stop; come back later';
  return new CordonError(status.UNAVAILABLE, ErrorReason.ERROR_REASON_DRAINING, message);
}
