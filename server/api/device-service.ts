import { sql } from 'kysely';
import type { Clock } from '../../shared/clock.js';
import type { Device } from '../../shared/gen/cordon/v1/device.js';
import type {
  BanDeviceRequest,
  BanDeviceResponse,
  GetDeviceRequest,
  GetDeviceResponse,
  ListDevicesRequest,
  ListDevicesResponse,
  RemoveDeviceRequest,
  RemoveDeviceResponse,
  UnbanDeviceRequest,
  UnbanDeviceResponse,
  UpdateDeviceRequest,
  UpdateDeviceResponse,
  WatchDevicesRequest,
  WatchDevicesResponse,
} from '../../shared/gen/cordon/v1/device_service.js';
import { ErrorReason } from '../../shared/gen/cordon/v1/error.js';
import { Role } from '../../shared/gen/cordon/v1/operator_service.js';
import { removeDevice, setBanned } from '../identity/device-standing.js';
import { appendAudit } from '../store/audit.js';
import { inChunks } from '../store/chunks.js';
import type { Reader, Store, Tx } from '../store/store.js';
import { readFilter, selectDevices } from './device-filter.js';
import { findDevice } from './device-lookup.js';
import { describeDevice, deviceMessages } from './device-messages.js';
import { enrollmentTokenHandlers } from './enrollment-token-handlers.js';
import type { Handlers } from './handlers.js';
import { page, pageSize, pageStart, sizeThatFits } from './page.js';
import type { Caller, Mutation, Query, Watch } from './rpc.js';
import { updateDevice } from './update-device.js';
import { requireReason } from './validate.js';

/** Ids, names, times and the path of the group, bytes. */
const REST_OF_RECORD = 512;

export interface DeviceServiceDeps {
  readonly store: Store;
  readonly clock: Clock;
  /** SHA-256 of the CA certificate, hex. */
  readonly caFingerprint: string;
  /** Port where agents connect. */
  readonly agentPort: number;
  readonly isOnline: (deviceId: string) => boolean;
  /** Ends the stream of a device that is not welcome any more. */
  readonly refuse: (deviceId: string, reason: ErrorReason) => void;
  /** Lets the feeds show a record that changed. */
  readonly deviceChanged: (deviceId: string) => void;
  readonly watchDevices: Watch<WatchDevicesRequest, WatchDevicesResponse>;
}

export function deviceService(deps: DeviceServiceDeps): Handlers {
  return {
    getDevice: getDevice(deps),
    listDevices: listDevices(deps),
    watchDevices: deps.watchDevices,
    updateDevice: changeDevice(deps),
    banDevice: banDevice(deps),
    unbanDevice: unbanDevice(deps),
    removeDevice: removal(deps),
    ...enrollmentTokenHandlers(deps),
  };
}

function getDevice(deps: DeviceServiceDeps): Query<GetDeviceRequest, GetDeviceResponse> {
  return {
    kind: 'query',
    role: Role.ROLE_VIEWER,
    run: async (_caller, request) => {
      const row = await findDevice(deps.store.read, request.device);
      return { device: await describeDevice(deps.store.read, row, deps.isOnline) };
    },
  };
}

function listDevices(deps: DeviceServiceDeps): Query<ListDevicesRequest, ListDevicesResponse> {
  return {
    kind: 'query',
    role: Role.ROLE_VIEWER,
    run: async (_caller, request) => {
      const db = deps.store.read;
      const size = pageSize(request);
      const after = pageStart('devices', request) ?? '';
      const selection = await readFilter(db, request.filter, deps.isOnline);
      const selected = await selectDevices(db, selection, after, size + 1);
      const sizes = await rowSizes(db, selected);
      const fitting = sizeThatFits(selected, size, ({ id }) => sizes.get(id) ?? 0);
      const { rows, nextPageToken } = page('devices', selected, fitting, ({ name }) => name);
      if (rows.length === 0) return { devices: [], nextPageToken };
      const ids = rows.map(({ id }) => id);
      const read = await db
        .selectFrom('devices')
        .selectAll()
        .where('id', 'in', ids)
        .orderBy('name')
        .execute();
      return { devices: await deviceMessages(db, read, deps.isOnline), nextPageToken };
    },
  };
}

/** About how many bytes their records take: what a device reports can be large, and an answer takes only so much. */
async function rowSizes(
  db: Reader,
  devices: readonly { readonly id: string }[],
): Promise<ReadonlyMap<string, number>> {
  const sizes = new Map<string, number>();
  const columns = ['observed_proto', 'facts_proto', 'directive_proto', 'tags_json', 'rejection'] as const;
  const lengths = columns.map((name) => sql`coalesce(length(${sql.ref(name)}), 0)`);
  const sum = sql.join(lengths, sql` + `);
  for (const chunk of inChunks(devices.map(({ id }) => id))) {
    const rows = await db
      .selectFrom('devices')
      .select(['id', sql<number>`${sum}`.as('bytes')])
      .where('id', 'in', chunk)
      .execute();
    for (const { id, bytes } of rows) sizes.set(id, Number(bytes) + REST_OF_RECORD);
  }
  return sizes;
}

function changeDevice(deps: DeviceServiceDeps): Mutation<UpdateDeviceRequest, UpdateDeviceResponse> {
  return {
    kind: 'mutation',
    role: Role.ROLE_ADMINISTRATOR,
    run: async (tx, caller, request) => ({
      device: await describeDevice(tx, await updateDevice(tx, deps.clock, caller, request), deps.isOnline),
    }),
    committed: (_request, { device }) => device && deps.deviceChanged(device.id),
  };
}

function banDevice(deps: DeviceServiceDeps): Mutation<BanDeviceRequest, BanDeviceResponse> {
  return {
    kind: 'mutation',
    role: Role.ROLE_ADMINISTRATOR,
    run: async (tx, caller, request) => ({
      device: await standing(deps, { tx, caller, request, banned: true }),
    }),
    committed: (_request, { device }) => {
      if (!device) return;
      deps.refuse(device.id, ErrorReason.ERROR_REASON_DEVICE_BANNED);
      deps.deviceChanged(device.id);
    },
  };
}

function unbanDevice(deps: DeviceServiceDeps): Mutation<UnbanDeviceRequest, UnbanDeviceResponse> {
  return {
    kind: 'mutation',
    role: Role.ROLE_ADMINISTRATOR,
    run: async (tx, caller, request) => ({
      device: await standing(deps, { tx, caller, request, banned: false }),
    }),
    committed: (_request, { device }) => device && deps.deviceChanged(device.id),
  };
}

interface Standing {
  readonly tx: Tx;
  readonly caller: Caller;
  readonly request: BanDeviceRequest | UnbanDeviceRequest;
  readonly banned: boolean;
}

async function standing(deps: DeviceServiceDeps, { tx, caller, request, banned }: Standing): Promise<Device> {
  requireReason(request.reason);
  const device = await findDevice(tx, request.device);
  const row = await setBanned(tx, device.id, banned);
  await appendAudit(tx, {
    occurredAt: deps.clock.wall(),
    actor: caller.operatorName,
    action: banned ? 'device.ban' : 'device.unban',
    deviceId: device.id,
    reason: request.reason,
    details: { name: device.name },
    requestId: request.requestId,
  });
  return describeDevice(tx, row, deps.isOnline);
}

/** The answer of RemoveDevice is empty, so the id for the registry is kept until the commit. */
function removal(deps: DeviceServiceDeps): Mutation<RemoveDeviceRequest, RemoveDeviceResponse> {
  const removed = new WeakMap<RemoveDeviceRequest, string>();
  return {
    kind: 'mutation',
    role: Role.ROLE_ADMINISTRATOR,
    run: async (tx, caller, request) => {
      requireReason(request.reason);
      const device = await findDevice(tx, request.device);
      const now = deps.clock.wall();
      await removeDevice(tx, device, request.force, now);
      await appendAudit(tx, {
        occurredAt: now,
        actor: caller.operatorName,
        action: 'device.remove',
        deviceId: device.id,
        reason: request.reason,
        details: { name: device.name, force: request.force },
        requestId: request.requestId,
      });
      removed.set(request, device.id);
      return {};
    },
    committed: (request) => {
      const id = removed.get(request);
      if (id === undefined) return;
      deps.refuse(id, ErrorReason.ERROR_REASON_CERTIFICATE_UNKNOWN);
      deps.deviceChanged(id);
    },
  };
}
