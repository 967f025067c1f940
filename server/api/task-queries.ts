import { sql } from 'kysely';
import { profileUpdates } from '../../shared/exclusions/from-profile.js';
import { IsolationSettings } from '../../shared/gen/cordon/v1/isolation.js';
import { Role } from '../../shared/gen/cordon/v1/operator_service.js';
import type { NetworkIsolationTask, TaskScope } from '../../shared/gen/cordon/v1/task.js';
import type {
  GetEffectiveNetworkIsolationTaskRequest,
  GetEffectiveNetworkIsolationTaskResponse,
  GetNetworkIsolationTaskRequest,
  GetNetworkIsolationTaskResponse,
  ListNetworkIsolationTasksRequest,
  ListNetworkIsolationTasksResponse,
} from '../../shared/gen/cordon/v1/task_service.js';
import { defaultSettings } from '../desired/settings.js';
import { loadSources, type Source, type Sources } from '../desired/sources.js';
import type { TaskRow, TaskScopeRow } from '../desired/tasks.js';
import { groupPaths, publicGroupId } from './group-lookup.js';
import type { Reader, Store } from '../store/store.js';
import { findDevice, type DeviceRow } from './device-lookup.js';
import { explainSearch } from './effective.js';
import { etagOf } from './etag.js';
import { page, pageSize, pageStart, sizeThatFits } from './page.js';
import type { Query } from './rpc.js';
import { notFound, requireId } from './validate.js';

/** @throws CordonError INVALID_FIELD if `id` is no id, NOT_FOUND */
export async function findTask(db: Reader, id: string, field: string): Promise<TaskRow> {
  requireId(field, id);
  const row = await db.selectFrom('isolation_tasks').selectAll().where('id', '=', id).executeTakeFirst();
  if (!row) throw notFound('network-isolation task', id);
  return row;
}

/** Name of the device or path of the group that a task is for. */
export async function scopeName(db: Reader, scope: TaskScopeRow): Promise<string> {
  // Whoever selects devices by conditions has no name for them.
  if (scope.scope_kind === 'filter') return '';
  if (scope.scope_kind === 'group') return (await groupPaths(db)).get(scope.scope_id) ?? '';
  const device = await db
    .selectFrom('devices')
    .select('name')
    .where('id', '=', scope.scope_id)
    .executeTakeFirst();
  return device?.name ?? '';
}

export function taskMessage(row: TaskRow, name: string): NetworkIsolationTask {
  const settings = IsolationSettings.decode(row.settings_proto);
  const target: TaskScope['target'] =
    row.scope_kind === 'device'
      ? { $case: 'deviceId', value: row.scope_id }
      : { $case: 'groupId', value: publicGroupId(row.scope_id) };
  return {
    id: row.id,
    scope: { target },
    settings,
    etag: etagOf(row),
    profileUpdates: profileUpdates(settings.exclusions),
    scopeName: name,
  };
}

export function getTask({
  read,
}: Store): Query<GetNetworkIsolationTaskRequest, GetNetworkIsolationTaskResponse> {
  return {
    kind: 'query',
    role: Role.ROLE_VIEWER,
    run: async (_caller, request) => {
      const row = await findTask(read, request.id, 'id');
      return { networkIsolationTask: taskMessage(row, await scopeName(read, row)) };
    },
  };
}

export function listTasks({
  read,
}: Store): Query<ListNetworkIsolationTasksRequest, ListNetworkIsolationTasksResponse> {
  return {
    kind: 'query',
    role: Role.ROLE_VIEWER,
    run: async (_caller, request) => {
      const after = pageStart('network_isolation_tasks', request);
      const most = pageSize(request);
      const named = (await namedTasks(read)).filter(({ key }) => after === undefined || key > after);
      const found = named.slice(0, most + 1);
      const size = sizeThatFits(found, most, ({ bytes }) => bytes);
      const { rows, nextPageToken } = page('network_isolation_tasks', found, size, ({ key }) => key);
      const networkIsolationTasks: NetworkIsolationTask[] = [];
      for (const { id, name } of rows) {
        const row = await read
          .selectFrom('isolation_tasks')
          .selectAll()
          .where('id', '=', id)
          .executeTakeFirst();
        // Removed since.
        if (row) networkIsolationTasks.push(taskMessage(row, name));
      }
      return { networkIsolationTasks, nextPageToken };
    },
  };
}

/** All tasks without their settings, sorted by the name of what they are for. */
async function namedTasks(
  db: Reader,
): Promise<{ readonly id: string; readonly name: string; readonly key: string; readonly bytes: number }[]> {
  const rows = await db
    .selectFrom('isolation_tasks')
    .leftJoin('devices', 'devices.id', 'isolation_tasks.scope_id')
    .select([
      'isolation_tasks.id as id',
      'scope_kind',
      'scope_id',
      'devices.name as device_name',
      sql<number>`length(settings_proto)`.as('bytes'),
    ])
    .execute();
  const paths = await groupPaths(db);
  return rows
    .map((row) => {
      const name = (row.scope_kind === 'group' ? paths.get(row.scope_id) : row.device_name) ?? '';
      // A device and a group may have the same name.
      return { id: row.id, name, key: `${name}\0${row.id}`, bytes: Number(row.bytes) };
    })
    .sort((one, other) => (one.key < other.key ? -1 : 1));
}

export function getEffectiveTask({
  read,
}: Store): Query<GetEffectiveNetworkIsolationTaskRequest, GetEffectiveNetworkIsolationTaskResponse> {
  return {
    kind: 'query',
    role: Role.ROLE_VIEWER,
    run: async (_caller, request) => {
      const device = await findDevice(read, request.device);
      const sources = await loadSources(read);
      const source = sources.task(device.id, device.group_id);
      const row = source && (await findTask(read, source.id, 'id'));
      const task = row && taskMessage(row, await scopeName(read, row));
      return {
        networkIsolationTask: task,
        settings: task?.settings ?? defaultSettings(),
        explanation: explain(device, sources, source),
      };
    },
  };
}

function explain(device: DeviceRow, { tree }: Sources, source: Source | undefined): string {
  if (source?.from.kind === 'device') return `${device.name} has a network-isolation task of its own`;
  const search = explainSearch({
    what: 'network-isolation task',
    device: 'it',
    groups: tree.upwards(device.group_id).map(({ id }) => tree.path(id)),
    foundAt: source && tree.path(source.from.groupId),
    found: 'the network-isolation task',
    otherwise: 'no network-isolation task applies, and manual isolation has the default settings',
  });
  return `${device.name} has no network-isolation task of its own; ${search}`;
}
