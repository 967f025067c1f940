import { status } from '@grpc/grpc-js';
import type { Clock } from '../../shared/clock.js';
import { CordonError, invalid } from '../../shared/errors.js';
import { standardProfiles } from '../../shared/exclusions/profiles.js';
import { ErrorReason } from '../../shared/gen/cordon/v1/error.js';
import { Role } from '../../shared/gen/cordon/v1/operator_service.js';
import type {
  CreatePolicyRequest,
  CreatePolicyResponse,
  DeletePolicyRequest,
  DeletePolicyResponse,
  ListExclusionProfilesRequest,
  ListExclusionProfilesResponse,
  UpdatePolicyRequest,
  UpdatePolicyResponse,
} from '../../shared/gen/cordon/v1/policy_service.js';
import { newId } from '../../shared/ids.js';
import { decodePolicy, encodePolicy, type PolicyRow } from '../desired/policies.js';
import { refreshSettings } from '../desired/refresh.js';
import { loadGroups } from '../groups/tree.js';
import { appendAudit } from '../store/audit.js';
import type { Store, Tx } from '../store/store.js';
import { requireEtag } from './etag.js';
import { checkExclusions, type CheckedExclusions } from './exclusions-input.js';
import { findGroup } from './group-lookup.js';
import type { Handlers } from './handlers.js';
import type { KnownHostsDeps } from './known-hosts.js';
import { POLICY_PATHS, newPolicyContent, requirePolicyName, updatedPolicyContent } from './policy-input.js';
import { findPolicy, getEffectivePolicy, getPolicy, listPolicies, policyMessage } from './policy-queries.js';
import type { Mutation, Query } from './rpc.js';
import { bringsExclusions } from './settings-input.js';
import { requireMask } from './update-mask.js';

export interface PolicyServiceDeps extends KnownHostsDeps {
  readonly store: Store;
  readonly clock: Clock;
  /** The desired state of these devices has changed. */
  readonly desiredChanged: (deviceIds: readonly string[]) => void;
}

export function policyService(deps: PolicyServiceDeps): Handlers {
  return {
    getPolicy: getPolicy(deps.store),
    listPolicies: listPolicies(deps.store),
    getEffectivePolicy: getEffectivePolicy(deps.store),
    createPolicy: createPolicy(deps),
    updatePolicy: updatePolicy(deps),
    deletePolicy: deletePolicy(deps),
    listExclusionProfiles: listExclusionProfiles(),
  };
}

const SETTINGS = 'policy.settings';

function createPolicy(
  deps: PolicyServiceDeps,
): Mutation<CreatePolicyRequest, CreatePolicyResponse, CheckedExclusions> {
  const changed = new WeakMap<CreatePolicyRequest, string[]>();
  return {
    kind: 'mutation',
    role: Role.ROLE_ADMINISTRATOR,
    prepare: (_caller, { policy, allowUnresolvedHosts }) =>
      checkExclusions(deps, policy?.settings, SETTINGS, allowUnresolvedHosts),
    run: async (tx, caller, request, { exclusions, hints }) => {
      const { policy: asked, requestId } = request;
      if (!asked) throw invalid([{ field: 'policy', description: 'must be given' }]);
      requirePolicyName(asked.displayName);
      const content = newPolicyContent(asked, exclusions);
      const group = await findGroup(tx, asked.groupId, 'policy.group_id');
      const row: PolicyRow = {
        id: newId(),
        name: asked.displayName,
        group_id: group.id,
        policy_proto: encodePolicy(content),
        version: 1,
      };
      await requireFree(tx, row);
      await tx.insertInto('policies').values(row).execute();
      const deviceIds = await refreshSettings(tx, { kind: 'groups', groupIds: [group.id] });
      changed.set(request, deviceIds);
      const path = (await loadGroups(tx)).path(group.id);
      await appendAudit(tx, {
        occurredAt: deps.clock.wall(),
        actor: caller.operatorName,
        action: 'policy.create',
        details: { id: row.id, name: row.name, group: path, devices: deviceIds.length },
        requestId,
      });
      return {
        policy: policyMessage(row, path, caller.role),
        hints,
        affectedDevices: deviceIds.length,
      };
    },
    committed: (request) => deps.desiredChanged(changed.get(request) ?? []),
  };
}

function updatePolicy(
  deps: PolicyServiceDeps,
): Mutation<UpdatePolicyRequest, UpdatePolicyResponse, CheckedExclusions | undefined> {
  const changed = new WeakMap<UpdatePolicyRequest, string[]>();
  return {
    kind: 'mutation',
    role: Role.ROLE_ADMINISTRATOR,
    prepare: async (_caller, { policy, updateMask, allowUnresolvedHosts }) =>
      bringsExclusions(requireMask(updateMask, POLICY_PATHS))
        ? checkExclusions(deps, policy?.settings, SETTINGS, allowUnresolvedHosts)
        : undefined,
    run: async (tx, caller, request, checked) => {
      const { policy: asked, requestId } = request;
      if (!asked) throw invalid([{ field: 'policy', description: 'must be given' }]);
      const mask = requireMask(request.updateMask, POLICY_PATHS);
      const before = await findPolicy(tx, asked.id, 'policy.id');
      requireEtag(before, asked.etag, `policy "${before.name}"`);
      if (mask.has('display_name')) requirePolicyName(asked.displayName);
      const content = updatedPolicyContent(decodePolicy(before), asked, mask, checked?.exclusions);
      const groupId = mask.has('group_id')
        ? (await findGroup(tx, asked.groupId, 'policy.group_id')).id
        : before.group_id;
      const row: PolicyRow = {
        id: before.id,
        name: mask.has('display_name') ? asked.displayName : before.name,
        group_id: groupId,
        policy_proto: encodePolicy(content),
        version: Number(before.version) + 1,
      };
      await requireFree(tx, row);
      await tx.updateTable('policies').set(row).where('id', '=', row.id).execute();
      const groupIds = [before.group_id, row.group_id];
      const deviceIds = await refreshSettings(tx, { kind: 'groups', groupIds });
      changed.set(request, deviceIds);
      const path = (await loadGroups(tx)).path(row.group_id);
      await appendAudit(tx, {
        occurredAt: deps.clock.wall(),
        actor: caller.operatorName,
        action: 'policy.update',
        details: { id: row.id, name: row.name, group: path, fields: [...mask], devices: deviceIds.length },
        requestId,
      });
      return {
        policy: policyMessage(row, path, caller.role),
        hints: checked?.hints ?? [],
        affectedDevices: deviceIds.length,
      };
    },
    committed: (request) => deps.desiredChanged(changed.get(request) ?? []),
  };
}

function deletePolicy(deps: PolicyServiceDeps): Mutation<DeletePolicyRequest, DeletePolicyResponse> {
  const changed = new WeakMap<DeletePolicyRequest, string[]>();
  return {
    kind: 'mutation',
    role: Role.ROLE_ADMINISTRATOR,
    run: async (tx, caller, request) => {
      const row = await findPolicy(tx, request.id, 'id');
      requireEtag(row, request.etag, `policy "${row.name}"`);
      await tx.deleteFrom('policies').where('id', '=', row.id).execute();
      const deviceIds = await refreshSettings(tx, { kind: 'groups', groupIds: [row.group_id] });
      changed.set(request, deviceIds);
      const path = (await loadGroups(tx)).path(row.group_id);
      await appendAudit(tx, {
        occurredAt: deps.clock.wall(),
        actor: caller.operatorName,
        action: 'policy.delete',
        details: { id: row.id, name: row.name, group: path, devices: deviceIds.length },
        requestId: request.requestId,
      });
      return {};
    },
    committed: (request) => deps.desiredChanged(changed.get(request) ?? []),
  };
}

function listExclusionProfiles(): Query<ListExclusionProfilesRequest, ListExclusionProfilesResponse> {
  return {
    kind: 'query',
    role: Role.ROLE_VIEWER,
    run: () => Promise.resolve({ exclusionProfiles: standardProfiles() }),
  };
}

/** One policy a name, and one a group. */
async function requireFree(tx: Tx, { id, name, group_id: groupId }: PolicyRow): Promise<void> {
  const others = await tx
    .selectFrom('policies')
    .select(['name', 'group_id'])
    .where('id', '!=', id)
    .where((match) => match.or([match('name', '=', name), match('group_id', '=', groupId)]))
    .execute();
  const [other] = others;
  if (!other) return;
  const path = (await loadGroups(tx)).path(groupId);
  throw new CordonError(
    status.ALREADY_EXISTS,
    ErrorReason.ERROR_REASON_ALREADY_EXISTS,
    others.some((row) => row.name === name)
      ? `there is a policy "${name}" already`
      : `${path === '' ? 'the root group' : `group ${path}`} has the policy "${other.name}" already; change that one`,
  );
}
