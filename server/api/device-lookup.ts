import { status } from '@grpc/grpc-js';
import type { Selectable } from 'kysely';
import { CordonError, invalid, type Violation } from '../../shared/errors.js';
import { ErrorReason } from '../../shared/gen/cordon/v1/error.js';
import { isId } from '../../shared/ids.js';
import { ORDERED_COLUMNS, type OrderedDevice } from '../desired/order.js';
import type { DevicesTable } from '../store/schema.js';
import type { Reader } from '../store/store.js';

export type DeviceRow = Selectable<DevicesTable>;

/** Most devices that one request may name: IsolateDevices; also what fits into one query of either database. */
export const MOST_DEVICES = 10_000;
/** How many unknown names an error shows. */
const SHOWN = 5;

/**
 * One device by id or name.
 * @param field where it stands in the request, for the error
 * @throws CordonError INVALID_FIELD if `ref` is empty, DEVICE_NOT_FOUND
 */
export async function findDevice(db: Reader, ref: string, field = 'device'): Promise<DeviceRow> {
  if (ref === '') throw invalid([{ field, description: 'must be the id or the name of a device' }]);
  const rows = await db
    .selectFrom('devices')
    .selectAll()
    .where((match) => match.or([match('id', '=', ref), match('name', '=', ref)]))
    .execute();
  // An id goes before a name: a name never hides another device.
  const device = rows.find((row) => row.id === ref) ?? rows[0];
  if (!device) throw notFound([{ field, ref }]);
  return device;
}

/**
 * Id of a device by id or name. Records outlive their device: the id of a removed one still finds them.
 * @throws CordonError INVALID_FIELD if `ref` is empty, DEVICE_NOT_FOUND
 */
export async function findDeviceId(db: Reader, ref: string): Promise<string> {
  try {
    return (await findDevice(db, ref)).id;
  } catch (error) {
    const gone =
      error instanceof CordonError && error.reason === ErrorReason.ERROR_REASON_DEVICE_NOT_FOUND && isId(ref);
    if (gone) return ref;
    throw error;
  }
}

/**
 * Devices by id or name, with one query, in the order of `refs`: what of them an order needs.
 * @throws CordonError INVALID_FIELD for an empty or repeated device, DEVICE_NOT_FOUND with every unknown one
 */
export async function findDevices(db: Reader, refs: readonly string[]): Promise<OrderedDevice[]> {
  if (refs.length > MOST_DEVICES) {
    throw invalid([{ field: 'devices', description: `must name at most ${MOST_DEVICES} devices` }]);
  }
  const empty = refs.flatMap((ref, index) => (ref === '' ? [index] : []));
  if (empty.length > 0) {
    throw invalid(
      empty.map((index) => ({
        field: `devices[${index}]`,
        description: 'must be the id or the name of a device',
      })),
    );
  }
  if (refs.length === 0) return [];

  const rows = await db
    .selectFrom('devices')
    .select(ORDERED_COLUMNS)
    .where((match) => match.or([match('id', 'in', refs), match('name', 'in', refs)]))
    .execute();
  const byName = new Map(rows.map((row) => [row.name, row]));
  const byId = new Map(rows.map((row) => [row.id, row]));

  const found: OrderedDevice[] = [];
  const unknown: { field: string; ref: string }[] = [];
  const repeated: Violation[] = [];
  const firstPlace = new Map<string, number>();
  for (const [index, ref] of refs.entries()) {
    const device = byId.get(ref) ?? byName.get(ref);
    const field = `devices[${index}]`;
    if (!device) {
      unknown.push({ field, ref });
      continue;
    }
    const earlier = firstPlace.get(device.id);
    if (earlier !== undefined) {
      repeated.push({ field, description: `${ref} is the same device as devices[${earlier}]` });
    }
    firstPlace.set(device.id, earlier ?? index);
    found.push(device);
  }
  if (unknown.length > 0) throw notFound(unknown);
  if (repeated.length > 0) throw invalid(repeated);
  return found;
}

function notFound(unknown: readonly { field: string; ref: string }[]): CordonError {
  const names = unknown.slice(0, SHOWN).map(({ ref }) => ref);
  const more = unknown.length > SHOWN ? ` and ${unknown.length - SHOWN} more` : '';
  const what = unknown.length === 1 ? 'no device' : 'no devices';
  return new CordonError(
    status.NOT_FOUND,
    ErrorReason.ERROR_REASON_DEVICE_NOT_FOUND,
    `${what} with the id or name ${names.join(', ')}${more}`,
    { violations: unknown.map(({ field, ref }) => ({ field, description: `no device ${ref}` })) },
  );
}
