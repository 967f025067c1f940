import { status } from '@grpc/grpc-js';
import { Observable, throwError } from 'rxjs';
import { concatWith, retry, tap } from 'rxjs/operators';
import { reconnectDelay, type ReconnectSettings } from '../shared/backoff.js';
import type { Clock } from '../shared/clock.js';
import { isServiceError } from '../shared/errors.js';

/** A person waits at the other end: come back faster than an agent does. */
const RECONNECT: ReconnectSettings = { spreadMs: 1000, minMs: 500, maxMs: 15_000, healthyAfterMs: 10_000 };

/** Statuses of a lost connection or a stopping server; everything else is an answer. */
const LOSSES: ReadonlySet<status> = new Set([
  status.UNAVAILABLE,
  status.CANCELLED,
  status.ABORTED,
  status.DEADLINE_EXCEEDED,
  status.RESOURCE_EXHAUSTED,
]);

/** The server ended a stream that has no end. */
export class StreamEnded extends Error {
  constructor() {
    super('the server ended the stream');
  }
}

export interface ReconnectDeps {
  readonly clock: Clock;
  readonly random: () => number;
  /** Told of each loss, with the time until the next attempt, milliseconds. */
  readonly onLoss?: (delayMs: number) => void;
}

/** When to try again after losses, and when not. One for a stream and all that follow it. */
export class Reconnects {
  private failures = 0;
  private connectedAt: number | undefined;

  /** @param received whether the server has answered already: a first loss without any answer is an error */
  constructor(
    private readonly deps: ReconnectDeps,
    private received: boolean,
  ) {}

  /** Something came. @param connected whether it shows that the stream has begun for good */
  came(connected: boolean): void {
    this.received = true;
    if (connected) this.connectedAt ??= this.deps.clock.sinceBoot();
  }

  /** Milliseconds until the next attempt. Undefined: the error is an answer, and no attempt is made. */
  delayAfter(error: unknown): number | undefined {
    const lost = error instanceof StreamEnded || (isServiceError(error) && LOSSES.has(error.code));
    if (!this.received || !lost) return undefined;
    const { clock, random, onLoss } = this.deps;
    const healthy =
      this.connectedAt !== undefined && clock.sinceBoot() - this.connectedAt >= RECONNECT.healthyAfterMs;
    this.failures = healthy ? 0 : this.failures + 1;
    this.connectedAt = undefined;
    const delayMs = reconnectDelay(RECONNECT, this.failures, random());
    onLoss?.(delayMs);
    return delayMs;
  }
}

/**
 * A stream across losses of the connection: `open` is called again after each. Fails with the server's answer when it
 * refuses, and with the first loss when nothing was ever received.
 * @param isConnected whether an event shows that the stream has begun for good
 * @param received whether the server has answered already
 */
export function reconnecting<Event>(
  open: () => Observable<Event>,
  isConnected: (event: Event) => boolean,
  deps: ReconnectDeps,
  received = false,
): Observable<Event> {
  const reconnects = new Reconnects(deps, received);
  const stream = new Observable<Event>((subscriber) => open().subscribe(subscriber));
  return stream.pipe(
    concatWith(throwError(() => new StreamEnded())),
    tap((event) => reconnects.came(isConnected(event))),
    retry({
      delay: (error: unknown) => {
        const delayMs = reconnects.delayAfter(error);
        return delayMs === undefined ? throwError(() => error) : afterDelay(deps.clock, delayMs);
      },
    }),
  );
}

/** One value after `ms` milliseconds. */
function afterDelay(clock: Clock, ms: number): Observable<void> {
  return new Observable((subscriber) =>
    clock.after(ms, () => {
      subscriber.next();
      subscriber.complete();
    }),
  );
}
