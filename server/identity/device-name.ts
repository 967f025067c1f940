import { invalid } from '../../shared/errors.js';
import { isId } from '../../shared/ids.js';
import type { Tx } from '../store/store.js';

/**
 * The name that a host name asks for; the device id when it is empty.
 * @throws CordonError INVALID_FIELD if the host name cannot serve as one
 */
export function wantedName(hostname: string, deviceId: string): string {
  if (hostname === '') return deviceId;
  const description = nameProblem(hostname, deviceId);
  if (description !== undefined) throw invalid([{ field: 'hostname', description }]);
  return hostname;
}

/** The rule that the name of a device breaks; undefined: none. */
export function nameProblem(name: string, deviceId: string): string | undefined {
  if (name.length > 253 || !/^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$/.test(name)) {
    return 'must have 1 to 253 letters, digits, dots, hyphens or underscores, and begin and end with a letter or digit';
  }
  // An id is accepted wherever a name is, so a name must not look like the id of another device.
  if (isId(name.toLowerCase()) && name !== deviceId) return 'must not look like a device id';
  return undefined;
}

/** `web-1`, or `web-1-2`, `web-1-3`, ... whichever is free first. */
export async function freeName(tx: Tx, wanted: string): Promise<string> {
  const same = await tx.selectFrom('devices').select('id').where('name', '=', wanted).executeTakeFirst();
  if (!same) return wanted;
  const taken = await tx.selectFrom('devices').select('name').where('name', 'like', `${wanted}-%`).execute();
  const names = new Set(taken.map(({ name }) => name));
  for (let number = 2; ; number += 1) {
    const name = `${wanted}-${number}`;
    if (!names.has(name)) return name;
  }
}
