import { defaultExclusions } from '../../shared/exclusions/profiles.js';
import { DeviceServiceService, GetDeviceRequest } from '../../shared/gen/cordon/v1/device_service.js';
import { GetGroupRequest, GroupServiceService } from '../../shared/gen/cordon/v1/group_service.js';
import { IsolationSettings } from '../../shared/gen/cordon/v1/isolation.js';
import { NetworkIsolationTask } from '../../shared/gen/cordon/v1/task.js';
import {
  GetEffectiveNetworkIsolationTaskRequest,
  ListNetworkIsolationTasksRequest,
  TaskServiceService,
  type GetEffectiveNetworkIsolationTaskResponse,
} from '../../shared/gen/cordon/v1/task_service.js';
import type { Api } from '../client.js';
import { readPages } from '../pages.js';

/** What a task is for, as a person names it. */
export interface TaskOwner {
  readonly kind: 'device' | 'group';
  /** Name or id of a device; path, id or `root` of a group. */
  readonly name: string;
}

/** What a task is for, as the server knows it. */
export interface FoundOwner extends TaskOwner {
  readonly id: string;
  /** The task of this very device or group. Undefined: it has none of its own. */
  readonly task: NetworkIsolationTask | undefined;
  /** Settings of manual isolation now, from wherever they come. A new task starts with them. */
  readonly inherited: IsolationSettings;
}

/** A task can hold ten thousand rules: fewer of them fit an answer. */
const TASKS_A_PAGE = 20;

/** Every network-isolation task. */
export function readTasks(api: Api): Promise<NetworkIsolationTask[]> {
  return readPages(async (pageToken) => {
    const request = ListNetworkIsolationTasksRequest.fromPartial({ pageToken, pageSize: TASKS_A_PAGE });
    const page = await api.unary(TaskServiceService.listNetworkIsolationTasks, request);
    return { items: page.networkIsolationTasks, nextPageToken: page.nextPageToken };
  });
}

/** Finds a device or a group and its task. @throws ServiceError NOT_FOUND */
export function findOwner(api: Api, owner: TaskOwner): Promise<FoundOwner> {
  switch (owner.kind) {
    case 'device':
      return findDevice(api, owner);
    case 'group':
      return findGroup(api, owner);
  }
}

export async function readEffectiveTask(
  api: Api,
  device: string,
): Promise<GetEffectiveNetworkIsolationTaskResponse> {
  const request = GetEffectiveNetworkIsolationTaskRequest.fromPartial({ device });
  return api.unary(TaskServiceService.getEffectiveNetworkIsolationTask, request);
}

async function findDevice(api: Api, { kind, name }: TaskOwner): Promise<FoundOwner> {
  const [{ device }, effective] = await Promise.all([
    api.unary(DeviceServiceService.getDevice, GetDeviceRequest.fromPartial({ device: name })),
    readEffectiveTask(api, name),
  ]);
  const task = effective.networkIsolationTask;
  const target = task?.scope?.target;
  return {
    kind,
    name: device?.name ?? name,
    id: device?.id ?? name,
    task: target?.$case === 'deviceId' ? task : undefined,
    inherited: effective.settings ?? defaultSettings(),
  };
}

async function findGroup(api: Api, { kind, name }: TaskOwner): Promise<FoundOwner> {
  const { group } = await api.unary(GroupServiceService.getGroup, GetGroupRequest.fromPartial({ id: name }));
  const path = group?.path ?? name;
  const tasks = (await readTasks(api)).filter(({ scope }) => scope?.target?.$case === 'groupId');
  const id = group?.id ?? name;
  // Groups from this one upwards: the nearest one with a task is what applies.
  const above = tasks
    .filter(({ scopeName }) => isWithin(path, groupPath(scopeName)))
    .sort((left, right) => groupPath(right.scopeName).length - groupPath(left.scopeName).length);
  return {
    kind,
    name: path || 'root',
    id,
    task: tasks.find(({ scope }) => scope?.target?.value === id),
    inherited: above[0]?.settings ?? defaultSettings(),
  };
}

function groupPath(scopeName: string): string {
  return scopeName === 'root' ? '' : scopeName;
}

function isWithin(path: string, ancestor: string): boolean {
  return ancestor === '' || path === ancestor || path.startsWith(`${ancestor}/`);
}

/** Settings of a policy or a task that nobody has changed. */
export function defaultSettings(): IsolationSettings {
  return IsolationSettings.fromPartial({ exclusions: defaultExclusions() });
}

/** A task that is not there yet. */
export function newTask({ kind, id, name, inherited }: FoundOwner): NetworkIsolationTask {
  return NetworkIsolationTask.fromPartial({
    scope: { target: { $case: kind === 'device' ? 'deviceId' : 'groupId', value: id } },
    scopeName: name,
    settings: inherited,
  });
}
