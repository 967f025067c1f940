import { status, type ServerUnaryCall, type StatusObject, type handleUnaryCall } from '@grpc/grpc-js';
import type { Clock } from '../../shared/clock.js';
import { CordonError, toStatus } from '../../shared/errors.js';
import { ErrorReason } from '../../shared/gen/cordon/v1/error.js';
import type { Logger } from '../../shared/log.js';

/** Limit on a call whose client sets none, milliseconds. */
const DEFAULT_DEADLINE_MS = 30_000;

/** Makes a grpc-js handler: deadline, errors as statuses, one log line a call. */
export function unary<Request, Response>(
  deps: { readonly clock: Clock; readonly log: Logger },
  method: string,
  answer: (call: ServerUnaryCall<Request, Response>) => Promise<Response>,
): handleUnaryCall<Request, Response> {
  return (call, callback) => {
    const started = deps.clock.sinceBoot();
    let answered = false;
    const end = (failure: unknown, response: Response | null): void => {
      if (answered) return;
      answered = true;
      cancelDeadline();
      const outcome = failure === undefined ? undefined : statusOf(failure, deps.log, method, call.getPeer());
      const ms = Math.round(deps.clock.sinceBoot() - started);
      deps.log.debug({ method, peer: call.getPeer(), code: status[outcome?.code ?? status.OK], ms }, 'call');
      if (outcome) callback(outcome);
      else callback(null, response);
    };
    // A client's own deadline is kept by grpc-js, which cancels the call.
    const cancelDeadline = Number.isFinite(Number(call.getDeadline()))
      ? () => undefined
      : deps.clock.after(DEFAULT_DEADLINE_MS, () => end(deadlineExceeded(), null));
    answer(call).then(
      (response) => end(undefined, response),
      (error: unknown) => end(error ?? new Error('failed without an error'), null),
    );
  };
}

/** The status of a failure; one that nobody foresaw goes to the log with its stack. */
export function statusOf(failure: unknown, log: Logger, method: string, peer: string): StatusObject {
  if (!(failure instanceof CordonError)) log.error({ err: failure, method, peer }, 'a call failed inside');
  return toStatus(failure);
}

function deadlineExceeded(): CordonError {
  return new CordonError(
    status.DEADLINE_EXCEEDED,
    ErrorReason.ERROR_REASON_INTERNAL,
    `no answer within ${DEFAULT_DEADLINE_MS / 1000} s; a change may still be made: repeat it with the same request_id`,
  );
}
