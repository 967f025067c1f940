import { status } from '@grpc/grpc-js';
import { CordonError, invalid } from '../../shared/errors.js';
import { ErrorReason } from '../../shared/gen/cordon/v1/error.js';
import { IsolationSettings } from '../../shared/gen/cordon/v1/isolation.js';
import { Role } from '../../shared/gen/cordon/v1/operator_service.js';
import type { TaskScope } from '../../shared/gen/cordon/v1/task.js';
import type {
  CreateNetworkIsolationTaskRequest,
  CreateNetworkIsolationTaskResponse,
  DeleteNetworkIsolationTaskRequest,
  DeleteNetworkIsolationTaskResponse,
  UpdateNetworkIsolationTaskRequest,
  UpdateNetworkIsolationTaskResponse,
} from '../../shared/gen/cordon/v1/task_service.js';
import { newId } from '../../shared/ids.js';
import { refreshSettings } from '../desired/refresh.js';
import type { TaskRow, TaskScopeRow } from '../desired/tasks.js';
import { appendAudit } from '../store/audit.js';
import type { Tx } from '../store/store.js';
import { findDevice } from './device-lookup.js';
import { requireEtag } from './etag.js';
import { checkExclusions, type CheckedExclusions } from './exclusions-input.js';
import { findGroup } from './group-lookup.js';
import type { Handlers } from './handlers.js';
import type { IocScanDeps } from './ioc-scan-deps.js';
import { iocScanHandlers } from './ioc-scan-service.js';
import type { KnownHostsDeps } from './known-hosts.js';
import type { Caller, Mutation } from './rpc.js';
import { SETTINGS_PATHS, bringsExclusions, newSettings, updatedSettings } from './settings-input.js';
import { findTask, getEffectiveTask, getTask, listTasks, scopeName, taskMessage } from './task-queries.js';
import { requireMask } from './update-mask.js';

export interface TaskServiceDeps extends KnownHostsDeps, IocScanDeps {
  /** The desired state of these devices has changed. */
  readonly desiredChanged: (deviceIds: readonly string[]) => void;
}

export function taskService(deps: TaskServiceDeps): Handlers {
  return {
    getNetworkIsolationTask: getTask(deps.store),
    listNetworkIsolationTasks: listTasks(deps.store),
    getEffectiveNetworkIsolationTask: getEffectiveTask(deps.store),
    createNetworkIsolationTask: createTask(deps),
    updateNetworkIsolationTask: updateTask(deps),
    deleteNetworkIsolationTask: deleteTask(deps),
    ...iocScanHandlers(deps),
  };
}

const FIELD = 'network_isolation_task';
const SETTINGS = `${FIELD}.settings`;

function createTask(
  deps: TaskServiceDeps,
): Mutation<CreateNetworkIsolationTaskRequest, CreateNetworkIsolationTaskResponse, CheckedExclusions> {
  const changed = new WeakMap<CreateNetworkIsolationTaskRequest, string[]>();
  return {
    kind: 'mutation',
    role: Role.ROLE_OPERATOR,
    prepare: (_caller, { networkIsolationTask: asked, allowUnresolvedHosts }) =>
      checkExclusions(deps, asked?.settings, SETTINGS, allowUnresolvedHosts),
    run: async (tx, caller, request, { exclusions, hints }) => {
      const { networkIsolationTask: asked, requestId } = request;
      if (!asked) throw invalid([{ field: FIELD, description: 'must be given' }]);
      const scope = await findScope(tx, asked.scope);
      const settings = newSettings(asked.settings, exclusions, SETTINGS);
      await requireFree(tx, scope);
      const row: TaskRow = { id: newId(), ...scope, settings_proto: encode(settings), version: 1 };
      await tx.insertInto('isolation_tasks').values(row).execute();
      const name = await scopeName(tx, row);
      const deviceIds = await adopt(deps, tx, { caller, action: 'create', row, name, requestId, fields: [] });
      changed.set(request, deviceIds);
      return {
        networkIsolationTask: taskMessage(row, name),
        hints,
        affectedDevices: deviceIds.length,
      };
    },
    committed: (request) => deps.desiredChanged(changed.get(request) ?? []),
  };
}

function updateTask(
  deps: TaskServiceDeps,
): Mutation<
  UpdateNetworkIsolationTaskRequest,
  UpdateNetworkIsolationTaskResponse,
  CheckedExclusions | undefined
> {
  const changed = new WeakMap<UpdateNetworkIsolationTaskRequest, string[]>();
  return {
    kind: 'mutation',
    role: Role.ROLE_OPERATOR,
    prepare: async (_caller, { networkIsolationTask: asked, updateMask, allowUnresolvedHosts }) =>
      bringsExclusions(requireMask(updateMask, SETTINGS_PATHS))
        ? checkExclusions(deps, asked?.settings, SETTINGS, allowUnresolvedHosts)
        : undefined,
    run: async (tx, caller, request, checked) => {
      const { networkIsolationTask: asked, requestId } = request;
      if (!asked) throw invalid([{ field: FIELD, description: 'must be given' }]);
      const mask = requireMask(request.updateMask, SETTINGS_PATHS);
      const before = await findTask(tx, asked.id, `${FIELD}.id`);
      const name = await scopeName(tx, before);
      requireEtag(before, asked.etag, `the network-isolation task of ${scopeText(before, name)}`);
      const old = IsolationSettings.decode(before.settings_proto);
      const settings = updatedSettings(old, asked.settings, mask, checked?.exclusions, SETTINGS);
      const row: TaskRow = {
        ...before,
        settings_proto: encode(settings),
        version: Number(before.version) + 1,
      };
      await tx.updateTable('isolation_tasks').set(row).where('id', '=', row.id).execute();
      const fields = [...mask];
      const deviceIds = await adopt(deps, tx, { caller, action: 'update', row, name, requestId, fields });
      changed.set(request, deviceIds);
      return {
        networkIsolationTask: taskMessage(row, name),
        hints: checked?.hints ?? [],
        affectedDevices: deviceIds.length,
      };
    },
    committed: (request) => deps.desiredChanged(changed.get(request) ?? []),
  };
}

function deleteTask(
  deps: TaskServiceDeps,
): Mutation<DeleteNetworkIsolationTaskRequest, DeleteNetworkIsolationTaskResponse> {
  const changed = new WeakMap<DeleteNetworkIsolationTaskRequest, string[]>();
  return {
    kind: 'mutation',
    role: Role.ROLE_OPERATOR,
    run: async (tx, caller, request) => {
      const { requestId } = request;
      const row = await findTask(tx, request.id, 'id');
      const name = await scopeName(tx, row);
      requireEtag(row, request.etag, `the network-isolation task of ${scopeText(row, name)}`);
      await tx.deleteFrom('isolation_tasks').where('id', '=', row.id).execute();
      const change: TaskChange = { caller, action: 'delete', row, name, requestId, fields: [] };
      changed.set(request, await adopt(deps, tx, change));
      return {};
    },
    committed: (request) => deps.desiredChanged(changed.get(request) ?? []),
  };
}

interface TaskChange {
  readonly caller: Caller;
  readonly action: 'create' | 'update' | 'delete';
  readonly row: TaskRow;
  /** Name of what the task is for. */
  readonly name: string;
  readonly requestId: string;
  /** Paths of the update mask. */
  readonly fields: readonly string[];
}

/** Brings the devices that a task is for in step with it and leaves the audit record. Returns those that changed. */
async function adopt(
  { clock }: TaskServiceDeps,
  tx: Tx,
  { caller, action, row, name, requestId, fields }: TaskChange,
): Promise<string[]> {
  const isDevice = row.scope_kind === 'device';
  const deviceIds = await refreshSettings(
    tx,
    isDevice ? { kind: 'device', deviceId: row.scope_id } : { kind: 'groups', groupIds: [row.scope_id] },
  );
  await appendAudit(tx, {
    occurredAt: clock.wall(),
    actor: caller.operatorName,
    action: `network_isolation_task.${action}`,
    ...(isDevice ? { deviceId: row.scope_id } : {}),
    details: {
      id: row.id,
      [row.scope_kind]: name,
      ...(action === 'update' ? { fields } : {}),
      devices: deviceIds.length,
    },
    requestId,
  });
  return deviceIds;
}

async function findScope(tx: Tx, scope: TaskScope | undefined): Promise<TaskScopeRow> {
  const target = scope?.target;
  switch (target?.$case) {
    case undefined: {
      const description = 'must name the device or the group that the task is for';
      throw invalid([{ field: `${FIELD}.scope`, description }]);
    }
    case 'deviceId':
      return { scope_kind: 'device', scope_id: (await findDevice(tx, target.value)).id };
    case 'groupId':
      return {
        scope_kind: 'group',
        scope_id: (await findGroup(tx, target.value, `${FIELD}.scope.group_id`)).id,
      };
    case 'filter': {
      const description = 'is only for IOC scan tasks; give the group or the device';
      throw invalid([{ field: `${FIELD}.scope.filter`, description }]);
    }
  }
}

async function requireFree(tx: Tx, scope: TaskScopeRow): Promise<void> {
  const other = await tx
    .selectFrom('isolation_tasks')
    .select('id')
    .where('scope_kind', '=', scope.scope_kind)
    .where('scope_id', '=', scope.scope_id)
    .executeTakeFirst();
  if (!other) return;
  throw new CordonError(
    status.ALREADY_EXISTS,
    ErrorReason.ERROR_REASON_ALREADY_EXISTS,
    `${scopeText(scope, await scopeName(tx, scope))} has the network-isolation task ${other.id} already; change that one`,
  );
}

function scopeText(scope: TaskScopeRow, name: string): string {
  if (scope.scope_kind === 'device') return `device ${name}`;
  return name === '' ? 'the root group' : `group ${name}`;
}

function encode(settings: IsolationSettings): Buffer {
  return Buffer.from(IsolationSettings.encode(settings).finish());
}
