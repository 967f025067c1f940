import type {
  DeviceOrder,
  IsolateDevicesRequest,
  IsolateDevicesResponse,
  ReleaseDevicesRequest,
  ReleaseDevicesResponse,
} from '../../shared/gen/cordon/v1/isolation_service.js';
import { Role } from '../../shared/gen/cordon/v1/operator_service.js';
import { orderDevices, releaseDelay, type OrderDeps, type OrderRequest } from './give-orders.js';
import type { Handlers } from './handlers.js';
import { getIsolation, listIsolations, type HistoryDeps } from './isolation-history.js';
import type { Mutation } from './rpc.js';

export interface IsolationServiceDeps extends HistoryDeps, OrderDeps {
  /** The desired state of these devices has changed. */
  readonly changed: (deviceIds: readonly string[]) => void;
}

export function isolationService(deps: IsolationServiceDeps): Handlers {
  const isolateDevices: Mutation<IsolateDevicesRequest, IsolateDevicesResponse> = {
    kind: 'mutation',
    role: Role.ROLE_OPERATOR,
    run: async (tx, caller, request) => {
      const releaseDelayMs = releaseDelay(request.releaseDelay);
      return { orders: await orderDevices(deps, tx, caller, request, 'isolate', releaseDelayMs) };
    },
    committed: (request, response) => announce(deps, request, response),
  };
  const releaseDevices: Mutation<ReleaseDevicesRequest, ReleaseDevicesResponse> = {
    kind: 'mutation',
    role: Role.ROLE_OPERATOR,
    run: async (tx, caller, request) => ({
      orders: await orderDevices(deps, tx, caller, request, 'release'),
    }),
    committed: (request, response) => announce(deps, request, response),
  };
  return {
    isolateDevices,
    releaseDevices,
    getIsolation: getIsolation(deps),
    listIsolations: listIsolations(deps),
  };
}

function announce(
  deps: IsolationServiceDeps,
  request: OrderRequest,
  response: { orders: readonly DeviceOrder[] },
): void {
  if (!request.validateOnly) deps.changed(response.orders.map(({ deviceId }) => deviceId));
}
