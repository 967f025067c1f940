import type { MethodDefinition } from '@grpc/grpc-js';
import { authorize } from '../../server/api/authorize.js';
import { commandService } from '../../server/api/command-service.js';
import { groupService } from '../../server/api/group-service.js';
import { iocDocumentService } from '../../server/api/ioc-document-service.js';
import type { HostResolver } from '../../server/api/known-hosts.js';
import { mutate } from '../../server/api/mutate.js';
import { policyService } from '../../server/api/policy-service.js';
import type { Rpc } from '../../server/api/rpc.js';
import { taskService } from '../../server/api/task-service.js';
import { CordonError, reasonName } from '../../shared/errors.js';
import { GroupServiceService, type CreateGroupRequest } from '../../shared/gen/cordon/v1/group_service.js';
import { Group } from '../../shared/gen/cordon/v1/group.js';
import { IsolationSettings } from '../../shared/gen/cordon/v1/isolation.js';
import { Role } from '../../shared/gen/cordon/v1/operator_service.js';
import { Policy } from '../../shared/gen/cordon/v1/policy.js';
import { PolicyServiceService } from '../../shared/gen/cordon/v1/policy_service.js';
import { NetworkIsolationTask, type TaskScope } from '../../shared/gen/cordon/v1/task.js';
import { TaskServiceService } from '../../shared/gen/cordon/v1/task_service.js';
import type { LinkSite } from './server-link-site.js';

/** What a test says of a policy; the rest is as the contract's defaults are. */
export type WantedPolicy = Partial<Omit<Policy, 'settings'>> & {
  readonly settings?: Partial<IsolationSettings>;
};

export function settingsWith(wanted: Partial<IsolationSettings>): IsolationSettings {
  return { ...IsolationSettings.fromPartial({}), ...wanted };
}

export function policyWith({ settings, ...wanted }: WantedPolicy): Policy {
  return { ...Policy.fromPartial({}), ...wanted, settings: settings && settingsWith(settings) };
}

/** Calls of operators about groups, policies and tasks, made through the pipeline and without sockets. */
export class Desk {
  /** Names that the resolver of the server knows. */
  readonly knownHosts = new Set<string>();
  /** Names that the resolver was asked for, in order. */
  readonly asked: string[] = [];
  /** The resolver never answers. */
  silent = false;
  /** Devices whose streams and feeds were told, one list a call. */
  readonly told: (readonly string[])[] = [];
  private readonly handlers: Readonly<Record<string, Rpc<unknown, unknown>>>;

  constructor(private readonly site: LinkSite) {
    const { store, clock } = site;
    const hosts: HostResolver = {
      isKnown: (name) => {
        this.asked.push(name);
        if (this.silent) return new Promise(() => undefined);
        return Promise.resolve(this.knownHosts.has(name));
      },
    };
    const desiredChanged = (deviceIds: readonly string[]): void => {
      this.told.push(deviceIds);
      site.registry.pokeDesired(deviceIds);
    };
    const deps = { store, clock, hosts, desiredChanged };
    const changed = (deviceId: string): void => site.registry.pokeCommands(deviceId);
    const deviceChanged = (id: string): void => {
      site.changes.emit(id);
      site.planner.deviceChanged(id);
    };
    this.handlers = {
      ...groupService({
        ...deps,
        isOnline: () => false,
        deviceChanged,
      }),
      ...policyService(deps),
      ...taskService({
        ...deps,
        isOnline: (id) => site.registry.get(id) !== undefined,
        scanTaskChanged: () => site.planner.taskChanged(),
        commandsChanged: (deviceIds) => deviceIds.forEach(changed),
      }),
      ...iocDocumentService(deps),
      ...commandService({ db: store.read, clock, changed }),
    };
  }

  /** One call, as a client with this role makes it. */
  async call<Request, Response>(
    method: MethodDefinition<Request, Response>,
    request: Request,
    role = Role.ROLE_ADMINISTRATOR,
  ): Promise<Response> {
    const caller = { operatorName: 'ada', tokenId: 'token', role, peer: 'test' };
    const [name = ''] = /[^/]+$/.exec(method.path) ?? [];
    const rpc = this.handlers[name.charAt(0).toLowerCase() + name.slice(1)] as
      Rpc<Request, Response> | undefined;
    if (!rpc || rpc.kind === 'watch') throw new Error(`${method.path} is not at this desk`);
    authorize(caller, rpc.role);
    if (rpc.kind === 'query') return rpc.run(caller, request);
    const now = (): number => this.site.clock.wall();
    return mutate({ store: this.site.store, now }, method, rpc, caller, request);
  }

  /** Makes a group and those above it that are missing. Returns its id. */
  async group(path: string): Promise<string> {
    let parentId = '';
    for (const displayName of path.split('/')) {
      const known = await this.site.store.read
        .selectFrom('groups')
        .select('id')
        .where('parent_id', '=', parentId)
        .where('name', '=', displayName)
        .executeTakeFirst();
      const request: CreateGroupRequest = {
        group: Group.fromPartial({ displayName, parentId: parentId || 'root' }),
        requestId: '',
      };
      parentId =
        known?.id ?? (await this.call(GroupServiceService.createGroup, request)).group?.id ?? 'nothing';
    }
    return parentId;
  }

  async move(device: string, groupId: string): Promise<void> {
    await this.call(GroupServiceService.moveDevice, { device, groupId, requestId: '' });
  }

  /** Makes a policy that isolates automatically, unless it is told otherwise. */
  async policy(groupId: string, wanted: WantedPolicy = {}): Promise<Policy> {
    const policy = policyWith({
      displayName: `policy of ${groupId}`,
      groupId,
      automaticIsolation: true,
      ...wanted,
    });
    const request = { policy, requestId: '', validateOnly: false, allowUnresolvedHosts: false };
    const made = (await this.call(PolicyServiceService.createPolicy, request)).policy;
    if (!made) throw new Error('the answer holds no policy');
    return made;
  }

  /** Changes fields of a policy. */
  async editPolicy(id: string, updateMask: string[], wanted: WantedPolicy): Promise<Policy> {
    const policy = policyWith({ ...wanted, id });
    const request = { policy, updateMask, requestId: '', validateOnly: false, allowUnresolvedHosts: false };
    const edited = (await this.call(PolicyServiceService.updatePolicy, request)).policy;
    if (!edited) throw new Error('the answer holds no policy');
    return edited;
  }

  async removePolicy(id: string): Promise<void> {
    await this.call(PolicyServiceService.deletePolicy, { id, etag: '', requestId: '' });
  }

  /** Makes a network-isolation task. Settings that are not given have no exclusions. */
  async task(
    target: NonNullable<TaskScope['target']>,
    settings: Partial<IsolationSettings> = {},
  ): Promise<NetworkIsolationTask> {
    const networkIsolationTask = {
      ...NetworkIsolationTask.fromPartial({}),
      scope: { target },
      settings: settingsWith(settings),
    };
    const request = {
      networkIsolationTask,
      requestId: '',
      validateOnly: false,
      allowUnresolvedHosts: false,
    };
    const made = (await this.call(TaskServiceService.createNetworkIsolationTask, request))
      .networkIsolationTask;
    if (!made) throw new Error('the answer holds no task');
    return made;
  }

  async editTask(
    id: string,
    updateMask: string[],
    settings: Partial<IsolationSettings>,
  ): Promise<NetworkIsolationTask> {
    const networkIsolationTask = {
      ...NetworkIsolationTask.fromPartial({}),
      id,
      settings: settingsWith(settings),
    };
    const request = {
      networkIsolationTask,
      updateMask,
      requestId: '',
      validateOnly: false,
      allowUnresolvedHosts: false,
    };
    const edited = (await this.call(TaskServiceService.updateNetworkIsolationTask, request))
      .networkIsolationTask;
    if (!edited) throw new Error('the answer holds no task');
    return edited;
  }

  async removeTask(id: string): Promise<void> {
    await this.call(TaskServiceService.deleteNetworkIsolationTask, { id, etag: '', requestId: '' });
  }
}

/** How a call was refused: reason, the field if there is one, and the message. */
export async function refused(
  call: Promise<unknown>,
): Promise<{ reason: string; field: string; message: string }> {
  try {
    await call;
  } catch (error) {
    if (!(error instanceof CordonError)) throw error;
    const { reason, details, message } = error;
    return { reason: reasonName(reason), field: details.violations?.[0]?.field ?? '', message };
  }
  throw new Error('the call was expected to be refused');
}
