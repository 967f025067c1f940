import { Group } from '../../shared/gen/cordon/v1/group.js';
import { GroupServiceService } from '../../shared/gen/cordon/v1/group_service.js';
import type { IsolationSettings } from '../../shared/gen/cordon/v1/isolation.js';
import type { Policy } from '../../shared/gen/cordon/v1/policy.js';
import { PolicyServiceService } from '../../shared/gen/cordon/v1/policy_service.js';
import { NetworkIsolationTask, type TaskScope } from '../../shared/gen/cordon/v1/task.js';
import { TaskServiceService } from '../../shared/gen/cordon/v1/task_service.js';
import { policyWith, settingsWith, type WantedPolicy } from '../story/desk.js';
import type { ManagementClient } from './real-server.js';

/** Host names of tests need not be known to anybody's resolver. */
const COMMON = { requestId: '', validateOnly: false, allowUnresolvedHosts: true } as const;

/** What an administrator sets up for many devices, through the API of a server that runs. */
export class Administrator {
  constructor(private readonly client: ManagementClient) {}

  /** Makes one group below `parent` (id, path or `root`). Returns its id. */
  async createGroup(displayName: string, parent = 'root'): Promise<string> {
    const group = Group.fromPartial({ displayName, parentId: parent });
    const answer = await this.client.call(GroupServiceService.createGroup, { group, requestId: '' });
    return there(answer.group, 'group').id;
  }

  async moveDevice(device: string, groupId: string): Promise<void> {
    await this.client.call(GroupServiceService.moveDevice, { device, groupId, requestId: '' });
  }

  /** Makes a policy. What is not wanted is as the contract's defaults are; with settings, exclusions are those alone. */
  async createPolicy(wanted: WantedPolicy): Promise<Policy> {
    const request = { policy: policyWith(wanted), ...COMMON };
    return there((await this.client.call(PolicyServiceService.createPolicy, request)).policy, 'policy');
  }

  /** Changes the fields that the mask names. */
  async updatePolicy(id: string, updateMask: string[], wanted: WantedPolicy): Promise<Policy> {
    const request = { policy: policyWith({ ...wanted, id }), updateMask, ...COMMON };
    return there((await this.client.call(PolicyServiceService.updatePolicy, request)).policy, 'policy');
  }

  async deletePolicy(id: string): Promise<void> {
    await this.client.call(PolicyServiceService.deletePolicy, { id, etag: '', requestId: '' });
  }

  /** Makes the network-isolation task of a device or group. */
  async createTask(
    target: NonNullable<TaskScope['target']>,
    settings: Partial<IsolationSettings>,
  ): Promise<NetworkIsolationTask> {
    const networkIsolationTask = {
      ...NetworkIsolationTask.fromPartial({}),
      scope: { target },
      settings: settingsWith(settings),
    };
    const request = { networkIsolationTask, ...COMMON };
    const answer = await this.client.call(TaskServiceService.createNetworkIsolationTask, request);
    return there(answer.networkIsolationTask, 'task');
  }

  /** Changes the settings that the mask names, `settings.exclusions` for example. */
  async updateTask(
    id: string,
    updateMask: string[],
    settings: Partial<IsolationSettings>,
  ): Promise<NetworkIsolationTask> {
    const networkIsolationTask = {
      ...NetworkIsolationTask.fromPartial({}),
      id,
      settings: settingsWith(settings),
    };
    const request = { networkIsolationTask, updateMask, ...COMMON };
    const answer = await this.client.call(TaskServiceService.updateNetworkIsolationTask, request);
    return there(answer.networkIsolationTask, 'task');
  }

  async deleteTask(id: string): Promise<void> {
    await this.client.call(TaskServiceService.deleteNetworkIsolationTask, { id, etag: '', requestId: '' });
  }
}

function there<Value>(value: Value | undefined, what: string): Value {
  if (value === undefined) throw new Error(`the answer holds no ${what}`);
  return value;
}
