import type { Device } from '../../shared/gen/cordon/v1/device.js';
import { certificateExpiries } from '../identity/device-identity.js';
import type { Reader } from '../store/store.js';
import type { DeviceRow } from './device-lookup.js';
import { groupPaths } from './group-lookup.js';
import { deviceMessage } from './messages.js';

/** Devices as GetDevice and ListDevices show them, in the order of `rows`. */
export async function deviceMessages(
  db: Reader,
  rows: readonly DeviceRow[],
  isOnline: (deviceId: string) => boolean,
): Promise<Device[]> {
  const ids = rows.map(({ id }) => id);
  const expiries = await certificateExpiries(db, ids);
  const paths = await pathsOf(db, rows);
  return rows.map((row) =>
    deviceMessage(row, {
      online: isOnline(row.id),
      certificateExpiresAt: expiries.get(row.id),
      groupPath: paths.get(row.group_id) ?? '',
    }),
  );
}

/** One device as they show it. */
export async function describeDevice(
  db: Reader,
  row: DeviceRow,
  isOnline: (deviceId: string) => boolean,
): Promise<Device> {
  const [device] = await deviceMessages(db, [row], isOnline);
  if (!device) throw new Error('a row has become no message (this is a bug)');
  return device;
}

/** Paths of the groups of these devices. The tree is not read for devices that are all in the root group. */
export async function pathsOf(db: Reader, rows: readonly DeviceRow[]): Promise<ReadonlyMap<string, string>> {
  return rows.some(({ group_id }) => group_id !== '') ? groupPaths(db) : new Map();
}
