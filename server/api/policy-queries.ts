import { sql } from 'kysely';
import { invalid } from '../../shared/errors.js';
import { profileUpdates } from '../../shared/exclusions/from-profile.js';
import type { Policy } from '../../shared/gen/cordon/v1/policy.js';
import { Role } from '../../shared/gen/cordon/v1/operator_service.js';
import type {
  GetEffectivePolicyRequest,
  GetEffectivePolicyResponse,
  GetPolicyRequest,
  GetPolicyResponse,
  ListPoliciesRequest,
  ListPoliciesResponse,
} from '../../shared/gen/cordon/v1/policy_service.js';
import { decodePolicy, type PolicyRow } from '../desired/policies.js';
import { loadSources } from '../desired/sources.js';
import { loadGroups } from '../groups/tree.js';
import type { Reader, Store } from '../store/store.js';
import { findDevice } from './device-lookup.js';
import { explainSearch } from './effective.js';
import { etagOf } from './etag.js';
import { publicGroupId } from './group-lookup.js';
import { page, pageSize, pageStart, sizeThatFits } from './page.js';
import type { Query } from './rpc.js';
import { notFound } from './validate.js';

/**
 * A policy by id or name; an id goes before a name.
 * @throws CordonError INVALID_FIELD if `ref` is empty, NOT_FOUND
 */
export async function findPolicy(db: Reader, ref: string, field: string): Promise<PolicyRow> {
  if (ref === '') throw invalid([{ field, description: 'must be the id or the name of a policy' }]);
  const rows = await db
    .selectFrom('policies')
    .selectAll()
    .where((match) => match.or([match('id', '=', ref), match('name', '=', ref)]))
    .execute();
  const row = rows.find(({ id }) => id === ref) ?? rows[0];
  if (!row) throw notFound('policy', ref, 'id or name');
  return row;
}

/** @param reader role of who will read it: the hash of the password is for administrators */
export function policyMessage(row: PolicyRow, groupPath: string, reader: Role): Policy {
  const { automaticIsolation, settings, trustedDetectors, localRelease } = decodePolicy(row);
  return {
    id: row.id,
    displayName: row.name,
    groupId: publicGroupId(row.group_id),
    automaticIsolation,
    settings,
    trustedDetectors,
    localRelease: localRelease && {
      ...localRelease,
      passwordHash: reader === Role.ROLE_ADMINISTRATOR ? localRelease.passwordHash : '',
      hasPassword: localRelease.passwordHash !== '',
    },
    etag: etagOf(row),
    profileUpdates: profileUpdates(settings.exclusions),
    groupPath,
  };
}

export function getPolicy({ read }: Store): Query<GetPolicyRequest, GetPolicyResponse> {
  return {
    kind: 'query',
    role: Role.ROLE_VIEWER,
    run: async (caller, request) => {
      const row = await findPolicy(read, request.id, 'id');
      const tree = await loadGroups(read);
      return { policy: policyMessage(row, tree.path(row.group_id), caller.role) };
    },
  };
}

export function listPolicies({ read }: Store): Query<ListPoliciesRequest, ListPoliciesResponse> {
  return {
    kind: 'query',
    role: Role.ROLE_VIEWER,
    run: async (caller, request) => {
      const after = pageStart('policies', request);
      const most = pageSize(request);
      let query = read
        .selectFrom('policies')
        .select(['id', 'name', sql<number>`length(policy_proto)`.as('bytes')]);
      if (after !== undefined) query = query.where('name', '>', after);
      const found = await query
        .orderBy('name')
        .limit(most + 1)
        .execute();
      const size = sizeThatFits(found, most, ({ bytes }) => Number(bytes));
      const { rows, nextPageToken } = page('policies', found, size, ({ name }) => name);
      const tree = await loadGroups(read);
      const policies: Policy[] = [];
      for (const { id } of rows) {
        const row = await read.selectFrom('policies').selectAll().where('id', '=', id).executeTakeFirst();
        // Removed since.
        if (row) policies.push(policyMessage(row, tree.path(row.group_id), caller.role));
      }
      return { policies, nextPageToken };
    },
  };
}

export function getEffectivePolicy({
  read,
}: Store): Query<GetEffectivePolicyRequest, GetEffectivePolicyResponse> {
  return {
    kind: 'query',
    role: Role.ROLE_VIEWER,
    run: async (caller, request) => {
      const device = await findDevice(read, request.device);
      const sources = await loadSources(read);
      const source = sources.policy(device.group_id);
      const row = source && (await findPolicy(read, source.id, 'id'));
      const path = (id: string): string => sources.tree.path(id);
      const policy = row && policyMessage(row, path(row.group_id), caller.role);
      const automatic = policy?.automaticIsolation
        ? 'it isolates automatically'
        : 'it does not isolate automatically';
      const explanation = explainSearch({
        what: 'policy',
        device: device.name,
        groups: sources.tree.upwards(device.group_id).map(({ id }) => path(id)),
        foundAt: row && path(row.group_id),
        found: `the policy "${row?.name ?? ''}"`,
        otherwise: 'no policy applies, and a detection never isolates it',
      });
      return {
        policy,
        groupId: row ? publicGroupId(row.group_id) : '',
        explanation: row ? `${explanation}; ${automatic}` : explanation,
      };
    },
  };
}
