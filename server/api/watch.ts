import { once } from 'node:events';
import { status, type ServerWritableStream, type handleServerStreamingCall } from '@grpc/grpc-js';
import { CordonError } from '../../shared/errors.js';
import { ErrorReason } from '../../shared/gen/cordon/v1/error.js';
import type { Logger } from '../../shared/log.js';
import { statusOf } from './unary.js';

/** Makes the messages of one stream; ends soon after `signal`. */
export type Source<Request, Response> = (
  call: ServerWritableStream<Request, Response>,
  signal: AbortSignal,
  /** Ends the stream with this error. */
  fail: (error: CordonError) => void,
) => Promise<AsyncIterable<Response>>;

/**
 * Makes a grpc-js handler out of an async iterable. A client that reads slowly slows the iterable down: the next message
 * is asked for only when there is room. The stream ends with the client, with the server, or with `fail`.
 */
export function serverStream<Request, Response>(
  deps: { readonly log: Logger; readonly stopping: AbortSignal },
  method: string,
  source: Source<Request, Response>,
): handleServerStreamingCall<Request, Response> {
  return (call) => {
    const ended = new AbortController();
    const fail = (error: unknown): void => ended.abort(error);
    const stop = (): void => fail(draining());
    if (deps.stopping.aborted) stop();
    deps.stopping.addEventListener('abort', stop, { once: true });
    // Without a listener an error of the transport would end the process.
    let gone = false;
    const leave = (): void => {
      gone = true;
      ended.abort();
    };
    call.on('error', leave);
    call.once('cancelled', leave);
    call.once('close', leave);

    const peer = call.getPeer();
    deps.log.debug({ method, peer }, 'stream opened');
    pump(call, ended.signal, () => source(call, ended.signal, fail))
      .then(() => ended.signal.throwIfAborted())
      .then(
        () => call.end(),
        (error: unknown) => {
          if (!gone && !call.cancelled)
            call.emit('error', statusOf(failureOf(error), deps.log, method, peer));
        },
      )
      .finally(() => {
        deps.stopping.removeEventListener('abort', stop);
        ended.abort();
        deps.log.debug({ method, peer }, 'stream closed');
      });
  };
}

async function pump<Request, Response>(
  call: ServerWritableStream<Request, Response>,
  signal: AbortSignal,
  open: () => Promise<AsyncIterable<Response>>,
): Promise<void> {
  const iterator = (await open())[Symbol.asyncIterator]();
  const aborted = new Promise<undefined>((resolve) => {
    if (signal.aborted) resolve(undefined);
    signal.addEventListener('abort', () => resolve(undefined), { once: true });
  });
  try {
    while (!signal.aborted) {
      const step = await Promise.race([iterator.next(), aborted]);
      if (step === undefined || step.done) return;
      // Not every write is followed by "drain" once the call has ended, so the wait ends with the signal too.
      if (!call.write(step.value)) await once(call, 'drain', { signal });
    }
  } finally {
    // Not awaited: a generator that waits for its source ends when it sees the signal.
    void iterator.return?.();
  }
}

/** A wait that was cut short reports the abort, not its cause. */
function failureOf(error: unknown): unknown {
  return error instanceof Error && error.name === 'AbortError' && error.cause !== undefined
    ? error.cause
    : error;
}

function draining(): CordonError {
  return new CordonError(
    status.UNAVAILABLE,
    ErrorReason.ERROR_REASON_DRAINING,
    'the server is about to stop; connect again in a moment',
    { retryAfterMs: 5000 },
  );
}
