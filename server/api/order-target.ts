import { status } from '@grpc/grpc-js';
import { CordonError, invalid } from '../../shared/errors.js';
import { ErrorReason } from '../../shared/gen/cordon/v1/error.js';
import type { IsolateDevicesRequest } from '../../shared/gen/cordon/v1/isolation_service.js';
import type { OrderedDevice } from '../desired/order.js';
import type { Tx } from '../store/store.js';
import { readFilter, selectDevices } from './device-filter.js';
import { MOST_DEVICES, findDevices } from './device-lookup.js';

export type OrderTarget = Pick<IsolateDevicesRequest, 'devices' | 'filter' | 'expectedDevices'>;

/**
 * The devices that an order is for: those that it names, in its order, or those that its filter selects, by name.
 * @param isOnline whether a stream of the device is open now
 * @throws CordonError INVALID_FIELD, NOT_FOUND (a group), DEVICE_NOT_FOUND (an unknown device; none selected),
 * ETAG_MISMATCH when the filter selects another number of devices than the client was told
 */
export async function orderTarget(
  tx: Tx,
  { devices, filter, expectedDevices }: OrderTarget,
  isOnline: (deviceId: string) => boolean,
): Promise<OrderedDevice[]> {
  if (filter && devices.length > 0) {
    throw invalid([{ field: 'filter', description: 'must not be given together with devices' }]);
  }
  if (filter) {
    const selection = await readFilter(tx, filter, isOnline);
    const found = await selectDevices(tx, selection, '', MOST_DEVICES + 1);
    requireUsable(found.length, expectedDevices);
    return found;
  }
  if (expectedDevices !== 0) {
    throw invalid([{ field: 'expected_devices', description: 'belongs to a filter; devices are counted' }]);
  }
  if (devices.length === 0) {
    throw invalid([
      { field: 'devices', description: 'must name at least one device, unless a filter is given' },
    ]);
  }
  return findDevices(tx, devices);
}

function requireUsable(found: number, expected: number): void {
  if (found > MOST_DEVICES) {
    const description = `selects more than ${MOST_DEVICES} devices; narrow it by group, tag or name, and repeat for the rest`;
    throw invalid([{ field: 'filter', description }]);
  }
  if (expected !== 0 && found !== expected) {
    throw new CordonError(
      status.ABORTED,
      ErrorReason.ERROR_REASON_ETAG_MISMATCH,
      `the filter selects ${found} devices now, and ${expected} were expected; list them again, and repeat the order if they are the right ones`,
      {
        violations: [
          { field: 'expected_devices', description: `is ${expected}; the filter selects ${found}` },
        ],
      },
    );
  }
  if (found === 0) {
    throw new CordonError(
      status.NOT_FOUND,
      ErrorReason.ERROR_REASON_DEVICE_NOT_FOUND,
      'the filter selects no device; nothing was ordered. List devices with the same filter, one condition at a time',
    );
  }
}
