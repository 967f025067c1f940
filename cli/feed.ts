import type { Observable } from 'rxjs';
import { filter, map } from 'rxjs/operators';
import {
  DeviceServiceService,
  WatchDevicesRequest,
  type WatchDevicesResponse,
} from '../shared/gen/cordon/v1/device_service.js';
import type { Api } from './client.js';
import { reconnecting, type ReconnectDeps } from './reconnect.js';

export type WatchEvent = NonNullable<WatchDevicesResponse['event']>;

/** A watch names at most this many devices; for more, all of them are watched. */
const MOST_NAMED_DEVICES = 1000;

export interface FeedDeps extends ReconnectDeps {
  readonly api: Api;
}

/**
 * Devices as they change, across losses of the connection: after each loss the server sends the whole listing again. Fails
 * with the server's answer when it refuses, and with the first loss when nothing was ever received.
 */
export function watchDevices(devices: readonly string[], deps: FeedDeps): Observable<WatchEvent> {
  const request = WatchDevicesRequest.fromPartial({
    devices: devices.length > MOST_NAMED_DEVICES ? [] : [...devices],
  });
  const open = (): Observable<WatchEvent> =>
    deps.api.stream(DeviceServiceService.watchDevices, request).pipe(
      map(({ event }) => event),
      filter((event) => event !== undefined),
    );
  return reconnecting(open, ({ $case }) => $case === 'bookmark', deps);
}
