import { status } from '@grpc/grpc-js';
import type { Clock } from '../../shared/clock.js';
import { CordonError, invalid } from '../../shared/errors.js';
import { ErrorReason } from '../../shared/gen/cordon/v1/error.js';
import type {
  CreateGroupRequest,
  CreateGroupResponse,
  DeleteGroupRequest,
  DeleteGroupResponse,
  MoveDeviceRequest,
  MoveDeviceResponse,
  UpdateGroupRequest,
  UpdateGroupResponse,
} from '../../shared/gen/cordon/v1/group_service.js';
import { Role } from '../../shared/gen/cordon/v1/operator_service.js';
import { newId } from '../../shared/ids.js';
import { refreshSettings } from '../desired/refresh.js';
import { groupNameProblem, placeProblem } from '../groups/rules.js';
import { ROOT_GROUP, loadGroups, type GroupRow } from '../groups/tree.js';
import { groupUses } from '../groups/uses.js';
import { appendAudit } from '../store/audit.js';
import { inChunks } from '../store/chunks.js';
import type { Store, Tx } from '../store/store.js';
import { describeDevice } from './device-messages.js';
import { findDevice } from './device-lookup.js';
import { requireEtag } from './etag.js';
import { findGroup } from './group-lookup.js';
import { getGroup, groupMessage, listGroups } from './group-queries.js';
import type { Handlers } from './handlers.js';
import type { Mutation } from './rpc.js';
import { requireMask } from './update-mask.js';

export interface GroupServiceDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly isOnline: (deviceId: string) => boolean;
  /** The desired state of these devices has changed. */
  readonly desiredChanged: (deviceIds: readonly string[]) => void;
  /** Lets the feeds show a record that changed. */
  readonly deviceChanged: (deviceId: string) => void;
}

export function groupService(deps: GroupServiceDeps): Handlers {
  return {
    getGroup: getGroup(deps.store),
    listGroups: listGroups(deps.store),
    createGroup: createGroup(deps),
    updateGroup: updateGroup(deps),
    deleteGroup: deleteGroup(deps),
    moveDevice: moveDevice(deps),
  };
}

function createGroup({ clock }: GroupServiceDeps): Mutation<CreateGroupRequest, CreateGroupResponse> {
  return {
    kind: 'mutation',
    role: Role.ROLE_ADMINISTRATOR,
    run: async (tx, caller, { group, requestId }) => {
      if (!group) throw invalid([{ field: 'group', description: 'must be given' }]);
      const parent = await findParent(tx, group.parentId);
      requireName(group.displayName, parent);
      await requireFreeName(tx, parent, group.displayName);
      const problem = placeProblem(await loadGroups(tx), undefined, parent.id);
      if (problem !== undefined) throw invalid([{ field: 'group.parent_id', description: problem }]);
      const row: GroupRow = { id: newId(), name: group.displayName, parent_id: parent.id, version: 1 };
      await tx.insertInto('groups').values(row).execute();
      const made = groupMessage(await loadGroups(tx), row);
      await appendAudit(tx, {
        occurredAt: clock.wall(),
        actor: caller.operatorName,
        action: 'group.create',
        details: { id: row.id, path: made.path },
        requestId,
      });
      return { group: made };
    },
  };
}

function updateGroup(deps: GroupServiceDeps): Mutation<UpdateGroupRequest, UpdateGroupResponse> {
  const after = new WeakMap<UpdateGroupRequest, { desired: string[]; moved: string[] }>();
  return {
    kind: 'mutation',
    role: Role.ROLE_ADMINISTRATOR,
    run: async (tx, caller, request) => {
      const { group: asked, requestId } = request;
      if (!asked) throw invalid([{ field: 'group', description: 'must be given' }]);
      const mask = requireMask(request.updateMask, ['display_name', 'parent_id']);
      const before = await findGroup(tx, asked.id, 'group.id');
      if (before.id === ROOT_GROUP.id) throw inUse('the root group cannot be changed');
      const tree = await loadGroups(tx);
      const oldPath = tree.path(before.id);
      requireEtag(before, asked.etag, `group ${oldPath}`);

      const parent = mask.has('parent_id')
        ? await findParent(tx, asked.parentId)
        : (tree.get(before.parent_id) ?? ROOT_GROUP);
      const name = mask.has('display_name') ? asked.displayName : before.name;
      requireName(name, parent);
      const problem = placeProblem(tree, before.id, parent.id);
      if (problem !== undefined) throw invalid([{ field: 'group.parent_id', description: problem }]);
      await requireFreeName(tx, parent, name, before.id);

      const row = await tx
        .updateTable('groups')
        .set((column) => ({ name, parent_id: parent.id, version: column('version', '+', 1) }))
        .where('id', '=', before.id)
        .returningAll()
        .executeTakeFirstOrThrow();
      const desired = await refreshSettings(tx, { kind: 'groups', groupIds: [row.id] });
      const group = groupMessage(await loadGroups(tx), row);
      after.set(request, { desired, moved: await devicesBelow(tx, tree.subtree(row.id)) });
      await appendAudit(tx, {
        occurredAt: deps.clock.wall(),
        actor: caller.operatorName,
        action: 'group.update',
        details: {
          id: row.id,
          path: group.path,
          old_path: oldPath,
          fields: [...mask],
          devices: desired.length,
        },
        requestId,
      });
      return { group };
    },
    committed: (request) => {
      const told = after.get(request);
      if (!told) return;
      deps.desiredChanged(told.desired);
      // Their record shows the path of the group.
      for (const id of told.moved) deps.deviceChanged(id);
    },
  };
}

function deleteGroup({ clock }: GroupServiceDeps): Mutation<DeleteGroupRequest, DeleteGroupResponse> {
  return {
    kind: 'mutation',
    role: Role.ROLE_ADMINISTRATOR,
    run: async (tx, caller, request) => {
      const group = await findGroup(tx, request.id, 'id');
      if (group.id === ROOT_GROUP.id) throw inUse('the root group cannot be removed');
      const tree = await loadGroups(tx);
      const path = tree.path(group.id);
      requireEtag(group, request.etag, `group ${path}`);
      const now = clock.wall();
      const uses = await groupUses(tx, group.id, now);
      if (uses.length > 0) {
        throw inUse(`group ${path} has ${uses.join(', ')}; a group can be removed when it holds nothing`);
      }
      await tx.deleteFrom('groups').where('id', '=', group.id).execute();
      await appendAudit(tx, {
        occurredAt: now,
        actor: caller.operatorName,
        action: 'group.delete',
        details: { id: group.id, path },
        requestId: request.requestId,
      });
      return {};
    },
  };
}

function moveDevice(deps: GroupServiceDeps): Mutation<MoveDeviceRequest, MoveDeviceResponse> {
  const after = new WeakMap<MoveDeviceRequest, string[]>();
  return {
    kind: 'mutation',
    role: Role.ROLE_ADMINISTRATOR,
    run: async (tx, caller, request) => {
      const device = await findDevice(tx, request.device);
      const group = await findGroup(tx, request.groupId);
      await tx
        .updateTable('devices')
        .set((column) => ({ group_id: group.id, version: column('version', '+', 1) }))
        .where('id', '=', device.id)
        .execute();
      const desired = await refreshSettings(tx, { kind: 'device', deviceId: device.id });
      after.set(request, desired);
      const tree = await loadGroups(tx);
      await appendAudit(tx, {
        occurredAt: deps.clock.wall(),
        actor: caller.operatorName,
        action: 'device.move',
        deviceId: device.id,
        details: {
          name: device.name,
          group: tree.path(group.id),
          old_group: tree.path(device.group_id),
          settings_changed: desired.length > 0,
        },
        requestId: request.requestId,
      });
      const moved = await findDevice(tx, device.id);
      return { device: await describeDevice(tx, moved, deps.isOnline) };
    },
    committed: (request, { device }) => {
      deps.desiredChanged(after.get(request) ?? []);
      if (device) deps.deviceChanged(device.id);
    },
  };
}

/** Absent: the root group. */
function findParent(tx: Tx, text: string): Promise<GroupRow> {
  return text === '' ? Promise.resolve(ROOT_GROUP) : findGroup(tx, text, 'group.parent_id');
}

function requireName(name: string, parent: GroupRow): void {
  const problem = groupNameProblem(name, parent.id);
  if (problem !== undefined) throw invalid([{ field: 'group.display_name', description: problem }]);
}

/** @param except id of the group that has the name itself */
async function requireFreeName(tx: Tx, parent: GroupRow, name: string, except = ''): Promise<void> {
  const taken = await tx
    .selectFrom('groups')
    .select('id')
    .where('parent_id', '=', parent.id)
    .where('name', '=', name)
    .where('id', '!=', except)
    .executeTakeFirst();
  if (!taken) return;
  throw new CordonError(
    status.ALREADY_EXISTS,
    ErrorReason.ERROR_REASON_ALREADY_EXISTS,
    `there is a group "${name}" below ${parent.name} already`,
  );
}

async function devicesBelow(tx: Tx, groupIds: readonly string[]): Promise<string[]> {
  const ids: string[] = [];
  for (const chunk of inChunks(groupIds)) {
    const rows = await tx.selectFrom('devices').select('id').where('group_id', 'in', chunk).execute();
    ids.push(...rows.map(({ id }) => id));
  }
  return ids;
}

function inUse(message: string): CordonError {
  return new CordonError(status.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_IN_USE, message);
}
