import type { Clock } from '../../shared/clock.js';
import { invalid } from '../../shared/errors.js';
import type { Duration } from '../../shared/gen/google/protobuf/duration.js';
import type {
  DeviceOrder,
  IsolateDevicesRequest,
  IsolateDevicesResponse,
  ReleaseDevicesRequest,
  ReleaseDevicesResponse,
} from '../../shared/gen/cordon/v1/isolation_service.js';
import { Role } from '../../shared/gen/cordon/v1/operator_service.js';
import { fromDuration, isReleaseDelay } from '../../shared/time.js';
import type { Order } from '../desired/order.js';
import { giveOrder } from '../desired/orders.js';
import type { Tx } from '../store/store.js';
import type { Handlers } from './handlers.js';
import { getIsolation, listIsolations, type HistoryDeps } from './isolation-history.js';
import { orderTarget, type OrderTarget } from './order-target.js';
import type { Caller, Mutation } from './rpc.js';
import { requireReason } from './validate.js';

export interface IsolationServiceDeps extends HistoryDeps {
  readonly clock: Clock;
  readonly isOnline: (deviceId: string) => boolean;
  /** The desired state of these devices has changed. */
  readonly changed: (deviceIds: readonly string[]) => void;
}

export function isolationService(deps: IsolationServiceDeps): Handlers {
  const isolateDevices: Mutation<IsolateDevicesRequest, IsolateDevicesResponse> = {
    kind: 'mutation',
    role: Role.ROLE_OPERATOR,
    run: async (tx, caller, request) => {
      const releaseDelayMs = releaseDelay(request.releaseDelay);
      return { orders: await order(deps, tx, caller, request, 'isolate', releaseDelayMs) };
    },
    committed: (request, response) => announce(deps, request, response),
  };
  const releaseDevices: Mutation<ReleaseDevicesRequest, ReleaseDevicesResponse> = {
    kind: 'mutation',
    role: Role.ROLE_OPERATOR,
    run: async (tx, caller, request) => ({ orders: await order(deps, tx, caller, request, 'release') }),
    committed: (request, response) => announce(deps, request, response),
  };
  return {
    isolateDevices,
    releaseDevices,
    getIsolation: getIsolation(deps),
    listIsolations: listIsolations(deps),
  };
}

type OrderRequest = OrderTarget & Pick<IsolateDevicesRequest, 'reason' | 'requestId' | 'validateOnly'>;

async function order(
  deps: IsolationServiceDeps,
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

function announce(
  deps: IsolationServiceDeps,
  request: OrderRequest,
  response: { orders: readonly DeviceOrder[] },
): void {
  if (!request.validateOnly) deps.changed(response.orders.map(({ deviceId }) => deviceId));
}

function releaseDelay(duration: Duration | undefined): number | undefined {
  if (!duration) return undefined;
  const ms = fromDuration(duration);
  if (!isReleaseDelay(ms)) {
    const description = 'must be 1 minute to 9999 hours, or 0 for no end';
    throw invalid([{ field: 'release_delay', description }]);
  }
  return ms;
}
