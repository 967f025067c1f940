import type { ExclusionHint } from '../../shared/gen/cordon/v1/exclusion.js';
import { IsolationSettings } from '../../shared/gen/cordon/v1/isolation.js';
import type { Policy } from '../../shared/gen/cordon/v1/policy.js';
import { PolicyServiceService, UpdatePolicyRequest } from '../../shared/gen/cordon/v1/policy_service.js';
import type { NetworkIsolationTask } from '../../shared/gen/cordon/v1/task.js';
import {
  CreateNetworkIsolationTaskRequest,
  TaskServiceService,
  UpdateNetworkIsolationTaskRequest,
} from '../../shared/gen/cordon/v1/task_service.js';
import { newId } from '../../shared/ids.js';
import type { Api } from '../client.js';
import { withoutOverwriting } from '../overtaken.js';
import { readPolicy } from './policies.js';
import { findOwner, newTask, type TaskOwner } from './tasks.js';

/** Where settings are kept. */
export type HolderRef =
  { readonly kind: 'policy'; readonly name: string } | { readonly kind: 'task'; readonly owner: TaskOwner };

/** What keeps settings, as it was read. */
export type Holder =
  | { readonly kind: 'policy'; readonly policy: Policy }
  | {
      readonly kind: 'task';
      readonly owner: TaskOwner;
      readonly task: NetworkIsolationTask;
      /** False: it is made by the first change, with what applied until now. */
      readonly exists: boolean;
    };

/** What the server says to a change, or to the idea of one. */
export interface Outcome {
  readonly holder: Holder;
  readonly created: boolean;
  readonly hints: readonly ExclusionHint[];
  readonly affectedDevices: number;
}

export interface WriteOptions {
  /** Ask the server and change nothing. */
  readonly validateOnly: boolean;
  readonly allowUnresolvedHosts: boolean;
}

export async function readHolder(api: Api, ref: HolderRef): Promise<Holder> {
  switch (ref.kind) {
    case 'policy':
      return { kind: 'policy', policy: await readPolicy(api, ref.name) };
    case 'task': {
      const owner = await findOwner(api, ref.owner);
      return { kind: 'task', owner, task: owner.task ?? newTask(owner), exists: owner.task !== undefined };
    }
  }
}

export function settingsOf(holder: Holder): IsolationSettings {
  const settings = holder.kind === 'policy' ? holder.policy.settings : holder.task.settings;
  return settings ?? IsolationSettings.fromPartial({});
}

/** `policy plant`, `task of device laptop`. */
export function holderTitle(holder: Holder): string {
  switch (holder.kind) {
    case 'policy':
      return `policy ${holder.policy.displayName}`;
    case 'task':
      return `task of ${holder.owner.kind} ${holder.owner.name}`;
  }
}

/** A holder with other settings. */
export function withSettings(holder: Holder, settings: IsolationSettings): Holder {
  return holder.kind === 'policy'
    ? { ...holder, policy: { ...holder.policy, settings } }
    : { ...holder, task: { ...holder.task, settings } };
}

/**
 * Changes what somebody else may be changing too.
 * @param change of what was read, and the fields that it changes; may be called twice
 */
export function changeHolder(
  api: Api,
  ref: HolderRef,
  change: (holder: Holder) => { readonly holder: Holder; readonly mask: readonly string[] },
  options: WriteOptions,
): Promise<Outcome> {
  return withoutOverwriting(async () => {
    const { holder, mask } = change(await readHolder(api, ref));
    return writeHolder(api, holder, mask, options);
  });
}

/** Writes the fields of a mask, if nobody has changed the record since it was read. */
export async function writeHolder(
  api: Api,
  holder: Holder,
  mask: readonly string[],
  { validateOnly, allowUnresolvedHosts }: WriteOptions,
): Promise<Outcome> {
  const common = { requestId: newId(), validateOnly, allowUnresolvedHosts };
  if (holder.kind === 'policy') {
    const request = UpdatePolicyRequest.fromPartial({
      ...common,
      policy: holder.policy,
      updateMask: [...mask],
    });
    const { policy, hints, affectedDevices } = await api.unary(PolicyServiceService.updatePolicy, request);
    return {
      holder: { kind: 'policy', policy: policy ?? holder.policy },
      created: false,
      hints,
      affectedDevices,
    };
  }
  const { task } = holder;
  const { networkIsolationTask, hints, affectedDevices } = holder.exists
    ? await api.unary(
        TaskServiceService.updateNetworkIsolationTask,
        UpdateNetworkIsolationTaskRequest.fromPartial({
          ...common,
          networkIsolationTask: task,
          updateMask: [...mask],
        }),
      )
    : await api.unary(
        TaskServiceService.createNetworkIsolationTask,
        CreateNetworkIsolationTaskRequest.fromPartial({ ...common, networkIsolationTask: task }),
      );
  const after: Holder = { ...holder, task: networkIsolationTask ?? task, exists: true };
  return { holder: after, created: !holder.exists, hints, affectedDevices };
}
