import { Metadata, status, type ServiceError, type StatusObject } from '@grpc/grpc-js';
import { Any, BadRequest, ErrorInfo, RetryInfo } from 'nice-grpc-error-details';
import { ErrorReason, errorReasonToJSON } from './gen/cordon/v1/error.js';
import { decodeRpcStatus, encodeRpcStatus } from './rpc-status.js';

/** One field of a request that breaks a rule. */
export interface Violation {
  /** Path of the field, for example `devices[2]`. */
  readonly field: string;
  /** The rule, in one sentence. */
  readonly description: string;
}

export interface CordonErrorDetails {
  readonly violations?: readonly Violation[];
  /** When to try again, milliseconds. */
  readonly retryAfterMs?: number;
}

/** An error that a person or a program outside can act on. Everything else reaches them as INTERNAL. */
export class CordonError extends Error {
  constructor(
    readonly code: status,
    readonly reason: ErrorReason,
    message: string,
    readonly details: CordonErrorDetails = {},
  ) {
    super(message);
    this.name = 'CordonError';
  }
}

/** A request that breaks rules; the message names the first field. */
export function invalid(violations: readonly Violation[]): CordonError {
  const first = violations[0];
  const more = violations.length > 1 ? ` (and ${violations.length - 1} more)` : '';
  const message = first ? `${first.field}: ${first.description}${more}` : 'invalid request';
  return new CordonError(status.INVALID_ARGUMENT, ErrorReason.ERROR_REASON_INVALID_FIELD, message, {
    violations,
  });
}

/** Reason as it goes over the wire: without the enum's prefix. */
export function reasonName(reason: ErrorReason): string {
  return errorReasonToJSON(reason).replace(/^ERROR_REASON_/, '');
}

/** Details travel in a header, of which many clients take 8 KiB and no more; the message says how many there are. */
const SHOWN_VIOLATIONS = 20;
const LONGEST_DESCRIPTION = 200;

const DETAILS_KEY = 'grpc-status-details-bin';
const typeUrl = (name: string): string => `type.googleapis.com/google.rpc.${name}`;

/** The one place where an error becomes a gRPC status. An unknown error shows nothing of its inside. */
export function toStatus(error: unknown): StatusObject {
  if (!(error instanceof CordonError)) {
    return toStatus(
      new CordonError(
        status.INTERNAL,
        ErrorReason.ERROR_REASON_INTERNAL,
        'internal error; the server log has the details',
      ),
    );
  }
  const pack = (name: string, value: Uint8Array): Any => Any.fromPartial({ typeUrl: typeUrl(name), value });
  const reason = ErrorInfo.fromPartial({ reason: reasonName(error.reason), domain: 'cordon.v1' });
  const details = [pack('ErrorInfo', ErrorInfo.encode(reason).finish())];
  const { violations, retryAfterMs } = error.details;
  if (violations) {
    const fieldViolations = violations
      .slice(0, SHOWN_VIOLATIONS)
      .map(({ field, description }) => ({ field, description: description.slice(0, LONGEST_DESCRIPTION) }));
    const badRequest = BadRequest.fromPartial({ fieldViolations });
    details.push(pack('BadRequest', BadRequest.encode(badRequest).finish()));
  }
  if (retryAfterMs !== undefined) {
    const seconds = Math.trunc(retryAfterMs / 1000);
    const nanos = Math.round((retryAfterMs - seconds * 1000) * 1e6);
    const retryInfo = RetryInfo.fromPartial({ retryDelay: { seconds, nanos } });
    details.push(pack('RetryInfo', RetryInfo.encode(retryInfo).finish()));
  }
  const metadata = new Metadata();
  metadata.set(DETAILS_KEY, encodeRpcStatus({ code: error.code, message: error.message, details }));
  return { code: error.code, details: error.message, metadata };
}

/** What a client can read from a failed call. */
export interface RemoteError {
  readonly code: status;
  readonly message: string;
  /** Stable reason, for example `DEVICE_NOT_FOUND`; empty when the other side gave none. */
  readonly reason: string;
  readonly violations: readonly Violation[];
  readonly retryAfterMs: number | undefined;
}

/** Reads status and details of a failed call. */
export function readServiceError(error: ServiceError): RemoteError {
  let reason = '';
  let violations: Violation[] = [];
  let retryAfterMs: number | undefined;
  for (const packed of error.metadata?.get(DETAILS_KEY) ?? []) {
    if (typeof packed === 'string') continue;
    for (const { typeUrl: url, value } of decodeRpcStatus(packed).details) {
      if (url === typeUrl('ErrorInfo')) reason = ErrorInfo.decode(value).reason;
      if (url === typeUrl('BadRequest')) violations = BadRequest.decode(value).fieldViolations;
      if (url === typeUrl('RetryInfo')) {
        const delay = RetryInfo.decode(value).retryDelay;
        if (delay) retryAfterMs = delay.seconds * 1000 + delay.nanos / 1e6;
      }
    }
  }
  return { code: error.code, message: error.details, reason, violations, retryAfterMs };
}

/** Tells whether something thrown is a failed gRPC call. */
export function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && 'code' in error && 'details' in error && 'metadata' in error;
}
