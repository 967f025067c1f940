import { Role } from '../../shared/gen/cordon/v1/operator_service.js';
import type { WatchDevicesRequest, WatchDevicesResponse } from '../../shared/gen/cordon/v1/device_service.js';
import type { DeviceChanges } from '../link/device-changes.js';
import { inChunks } from '../store/chunks.js';
import type { Reader } from '../store/store.js';
import { findDevices, type DeviceRow } from './device-lookup.js';
import { pathsOf } from './device-messages.js';
import { deviceMessage } from './messages.js';
import type { Watch } from './rpc.js';

const PAGE = 500;

export interface WatchDeps {
  readonly db: Reader;
  readonly changes: DeviceChanges;
  readonly isOnline: (deviceId: string) => boolean;
}

/**
 * `WatchDevices`: first every device, then changes. Changed ids are kept as a set, so a slow client costs at most one
 * entry a device and sees the newest state of each.
 */
export function watchDevices(deps: WatchDeps): Watch<WatchDevicesRequest, WatchDevicesResponse> {
  return {
    kind: 'watch',
    role: Role.ROLE_VIEWER,
    run: (_caller, request, signal) => follow(deps, request, signal),
  };
}

async function* follow(
  deps: WatchDeps,
  request: WatchDevicesRequest,
  signal: AbortSignal,
): AsyncGenerator<WatchDevicesResponse> {
  const wanted =
    request.devices.length === 0
      ? undefined
      : new Set((await findDevices(deps.db, request.devices)).map(({ id }) => id));
  const dirty = new Set<string>();
  let wake = (): void => undefined;
  // Before the listing, so that no change falls between the two.
  const subscription = deps.changes.changed$.subscribe((id) => {
    if (wanted && !wanted.has(id)) return;
    dirty.add(id);
    wake();
  });
  const abort = (): void => wake();
  signal.addEventListener('abort', abort);
  try {
    yield* listing(deps, wanted);
    yield { event: { $case: 'bookmark', value: {} } };
    while (!signal.aborted) {
      if (dirty.size === 0) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
        continue;
      }
      const ids = [...dirty];
      dirty.clear();
      yield* changed(deps, ids);
    }
  } finally {
    subscription.unsubscribe();
    signal.removeEventListener('abort', abort);
  }
}

async function* listing(
  deps: WatchDeps,
  wanted: ReadonlySet<string> | undefined,
): AsyncGenerator<WatchDevicesResponse> {
  if (wanted) {
    yield* changed(deps, [...wanted]);
    return;
  }
  for (let after = ''; ;) {
    const rows = await deps.db
      .selectFrom('devices')
      .selectAll()
      .where('name', '>', after)
      .orderBy('name')
      .limit(PAGE)
      .execute();
    yield* shown(deps, rows);
    const last = rows.at(-1);
    if (!last || rows.length < PAGE) return;
    after = last.name;
  }
}

async function* changed(deps: WatchDeps, ids: readonly string[]): AsyncGenerator<WatchDevicesResponse> {
  for (const chunk of inChunks(ids)) {
    const rows = await deps.db.selectFrom('devices').selectAll().where('id', 'in', chunk).execute();
    const missing = new Set(chunk);
    for (const { id } of rows) missing.delete(id);
    yield* shown(deps, rows);
    for (const id of missing) yield { event: { $case: 'removedDeviceId', value: id } };
  }
}

async function* shown(deps: WatchDeps, rows: readonly DeviceRow[]): AsyncGenerator<WatchDevicesResponse> {
  const paths = await pathsOf(deps.db, rows);
  for (const row of rows) {
    const extras = { online: deps.isOnline(row.id), groupPath: paths.get(row.group_id) ?? '' };
    yield { event: { $case: 'device', value: deviceMessage(row, extras) } };
  }
}
