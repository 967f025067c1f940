import type { Clock } from '../../shared/clock.js';
import { invalid } from '../../shared/errors.js';
import type { DeviceOrder, IsolateDevicesRequest } from '../../shared/gen/cordon/v1/isolation_service.js';
import type { Duration } from '../../shared/gen/google/protobuf/duration.js';
import { fromDuration, isReleaseDelay } from '../../shared/time.js';
import type { Order } from '../desired/order.js';
import { giveOrder } from '../desired/orders.js';
import type { Tx } from '../store/store.js';
import { orderTarget, type OrderTarget } from './order-target.js';
import type { Caller } from './rpc.js';
import { requireReason } from './validate.js';

export interface OrderDeps {
  readonly clock: Clock;
  readonly isOnline: (deviceId: string) => boolean;
}

export type OrderRequest = OrderTarget & Pick<IsolateDevicesRequest, 'reason' | 'requestId' | 'validateOnly'>;

/**
 * What an operator wants of devices becomes their desired state, with isolation and audit records, in the transaction of the
 * call. With `validate_only` nothing is written.
 * @returns one order a device, in the order of the request
 * @throws CordonError as orderTarget does, and INVALID_FIELD for the reason
 */
export async function orderDevices(
  deps: OrderDeps,
  tx: Tx,
  caller: Caller,
  request: OrderRequest,
  action: Order['action'],
  releaseDelayMs?: number,
): Promise<DeviceOrder[]> {
  requireReason(request.reason);
  const devices = await orderTarget(tx, request, deps.isOnline);
  if (request.validateOnly) {
    return devices.map(({ id, name, generation }) => ({
      deviceId: id,
      deviceName: name,
      generation: BigInt(generation),
      directiveId: '',
    }));
  }
  const orders = await giveOrder(tx, devices, {
    action,
    reason: request.reason,
    requestedBy: caller.operatorName,
    releaseDelayMs,
    now: deps.clock.wall(),
    requestId: request.requestId,
  });
  return orders.map(({ device, generation, directiveId }) => ({
    deviceId: device.id,
    deviceName: device.name,
    generation: BigInt(generation),
    directiveId,
  }));
}

/**
 * The delay of an order, milliseconds; undefined: as the settings say.
 * @throws CordonError INVALID_FIELD
 */
export function releaseDelay(duration: Duration | undefined): number | undefined {
  if (!duration) return undefined;
  const ms = fromDuration(duration);
  if (!isReleaseDelay(ms)) {
    const description = 'must be 1 minute to 9999 hours, or 0 for no end';
    throw invalid([{ field: 'release_delay', description }]);
  }
  return ms;
}
