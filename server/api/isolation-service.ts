import { invalid } from '../../shared/errors.js';
import type { Duration } from '../../shared/gen/google/protobuf/duration.js';
import { Isolation, IsolationEvidence, IsolationMode } from '../../shared/gen/cordon/v1/isolation.js';
import type {
  DeviceOrder,
  IsolateDevicesRequest,
  IsolateDevicesResponse,
  ListIsolationsRequest,
  ListIsolationsResponse,
  ReleaseDevicesRequest,
  ReleaseDevicesResponse,
} from '../../shared/gen/cordon/v1/isolation_service.js';
import { Role } from '../../shared/gen/cordon/v1/operator_service.js';
import type { Clock } from '../../shared/clock.js';
import { fromDuration, isReleaseDelay, toTimestamp } from '../../shared/time.js';
import type { Selectable } from 'kysely';
import { giveOrder, type Order } from '../desired/orders.js';
import type { DeviceSettings, SettingsReader } from '../desired/settings.js';
import type { IsolationsTable } from '../store/schema.js';
import type { Reader, Tx } from '../store/store.js';
import { findDevice, findDevices } from './device-lookup.js';
import type { Handlers } from './handlers.js';
import { page, pageSize, pageStart } from './page.js';
import type { Caller, Mutation, Query } from './rpc.js';
import { requireReason } from './validate.js';

export interface IsolationServiceDeps {
  readonly db: Reader;
  readonly clock: Clock;
  readonly settings: SettingsReader;
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
  const listIsolations: Query<ListIsolationsRequest, ListIsolationsResponse> = {
    kind: 'query',
    role: Role.ROLE_VIEWER,
    run: (_caller, request) => list(deps, request),
  };
  return { isolateDevices, releaseDevices, listIsolations };
}

type OrderRequest = Pick<IsolateDevicesRequest, 'devices' | 'reason' | 'requestId' | 'validateOnly'>;

async function order(
  deps: IsolationServiceDeps,
  tx: Tx,
  caller: Caller,
  request: OrderRequest,
  action: Order['action'],
  releaseDelayMs?: number,
): Promise<DeviceOrder[]> {
  requireReason(request.reason);
  if (request.devices.length === 0) {
    throw invalid([{ field: 'devices', description: 'must name at least one device' }]);
  }
  const devices = await findDevices(tx, request.devices);
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

async function list(
  { db, settings }: IsolationServiceDeps,
  request: ListIsolationsRequest,
): Promise<ListIsolationsResponse> {
  const size = pageSize(request);
  const start = pageStart('isolations', request);
  let query = db
    .selectFrom('isolations')
    .selectAll()
    .orderBy('id', 'desc')
    .limit(size + 1);
  if (request.device !== '') query = query.where('device_id', '=', (await findDevice(db, request.device)).id);
  if (request.activeOnly) query = query.where('ended_at', 'is', null);
  if (start !== undefined) query = query.where('id', '<', start);
  const { rows, nextPageToken } = page('isolations', await query.execute(), size, ({ id }) => id);
  const isolations: Isolation[] = [];
  for (const row of rows) isolations.push(isolationMessage(row, await settings.read(db, row.settings_hash)));
  return { isolations, nextPageToken };
}

function isolationMessage(row: Selectable<IsolationsTable>, used: DeviceSettings): Isolation {
  const manual = (row.mode as IsolationMode) === IsolationMode.ISOLATION_MODE_MANUAL;
  const settings = manual ? used.manualSettings : used.automaticSettings;
  const at = (ms: number | null): ReturnType<typeof toTimestamp> | undefined =>
    ms === null ? undefined : toTimestamp(Number(ms));
  return Isolation.fromPartial({
    id: row.id,
    deviceId: row.device_id,
    mode: row.mode,
    requestedBy: row.requested_by,
    reason: row.reason,
    issuedAt: at(row.issued_at),
    deliveredAt: at(row.delivered_at),
    enforcedAt: at(row.enforced_at),
    verifiedAt: at(row.verified_at),
    endedAt: at(row.ended_at),
    endCause: row.end_cause,
    releasedBy: row.released_by,
    releaseReason: row.release_reason,
    exclusions: settings?.exclusions ?? [],
    evidence: row.evidence_proto ? IsolationEvidence.decode(row.evidence_proto) : undefined,
  });
}
