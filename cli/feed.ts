import { status } from '@grpc/grpc-js';
import { Observable, throwError } from 'rxjs';
import { concatWith, retry, tap } from 'rxjs/operators';
import { reconnectDelay, type ReconnectSettings } from '../shared/backoff.js';
import type { Clock } from '../shared/clock.js';
import { isServiceError } from '../shared/errors.js';
import {
  DeviceServiceService,
  WatchDevicesRequest,
  type WatchDevicesResponse,
} from '../shared/gen/cordon/v1/device_service.js';
import type { Api } from './client.js';

export type WatchEvent = NonNullable<WatchDevicesResponse['event']>;

/** A watch names at most this many devices; for more, all of them are watched. */
const MOST_NAMED_DEVICES = 1000;

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

class StreamEnded extends Error {}

export interface FeedDeps {
  readonly api: Api;
  readonly clock: Clock;
  readonly random: () => number;
  /** Told of each loss after a first event, with the time until the next attempt. */
  readonly onLoss?: (delayMs: number) => void;
}

/**
 * Devices as they change, across losses of the connection: after each loss the server sends the whole listing again. Fails
 * with the server's answer when it refuses, and with the first loss when nothing was ever received.
 */
export function watchDevices(devices: readonly string[], deps: FeedDeps): Observable<WatchEvent> {
  const request = WatchDevicesRequest.fromPartial({
    devices: devices.length > MOST_NAMED_DEVICES ? [] : [...devices],
  });
  let received = false;
  let failures = 0;
  let connectedAt = 0;
  const events = new Observable<WatchEvent>((subscriber) =>
    deps.api.stream(DeviceServiceService.watchDevices, request).subscribe({
      next: ({ event }) => event && subscriber.next(event),
      error: (error) => subscriber.error(error),
      complete: () => subscriber.complete(),
    }),
  );
  return events.pipe(
    concatWith(throwError(() => new StreamEnded('the server ended the stream'))),
    tap((event) => {
      received = true;
      if (event.$case === 'bookmark') connectedAt = deps.clock.sinceBoot();
    }),
    retry({
      delay: (error: unknown) => {
        const lost = error instanceof StreamEnded || (isServiceError(error) && LOSSES.has(error.code));
        if (!received || !lost) return throwError(() => error);
        const healthy = connectedAt > 0 && deps.clock.sinceBoot() - connectedAt >= RECONNECT.healthyAfterMs;
        failures = healthy ? 0 : failures + 1;
        connectedAt = 0;
        const delayMs = reconnectDelay(RECONNECT, failures, deps.random());
        deps.onLoss?.(delayMs);
        return afterDelay(deps.clock, delayMs);
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
