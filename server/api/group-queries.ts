import type { Group } from '../../shared/gen/cordon/v1/group.js';
import type {
  GetGroupRequest,
  GetGroupResponse,
  ListGroupsRequest,
  ListGroupsResponse,
} from '../../shared/gen/cordon/v1/group_service.js';
import { Role } from '../../shared/gen/cordon/v1/operator_service.js';
import { ROOT_GROUP, loadGroups, type GroupRow, type GroupTree } from '../groups/tree.js';
import type { Store } from '../store/store.js';
import { etagOf } from './etag.js';
import { findGroup, publicGroupId } from './group-lookup.js';
import { page, pageSize, pageStart } from './page.js';
import type { Query } from './rpc.js';

export function groupMessage(tree: GroupTree, group: GroupRow): Group {
  const isRoot = group.id === ROOT_GROUP.id;
  return {
    id: publicGroupId(group.id),
    displayName: group.name,
    parentId: isRoot ? '' : publicGroupId(group.parent_id),
    etag: etagOf(group),
    path: tree.path(group.id),
  };
}

export function getGroup({ read }: Store): Query<GetGroupRequest, GetGroupResponse> {
  return {
    kind: 'query',
    role: Role.ROLE_VIEWER,
    run: async (_caller, request) => {
      const group = await findGroup(read, request.id, 'id');
      return { group: groupMessage(await loadGroups(read), group) };
    },
  };
}

export function listGroups({ read }: Store): Query<ListGroupsRequest, ListGroupsResponse> {
  return {
    kind: 'query',
    role: Role.ROLE_VIEWER,
    run: async (_caller, request) => {
      const size = pageSize(request);
      const after = pageStart('groups', request);
      const tree = await loadGroups(read);
      // A separator below every other character: what is below a group comes right after it.
      const key = (path: string): string => path.replaceAll('/', '\0');
      const all = tree
        .subtree(ROOT_GROUP.id)
        .map((id) => ({ id, key: key(tree.path(id)) }))
        .filter((group) => after === undefined || group.key > after)
        .sort((one, other) => (one.key < other.key ? -1 : 1));
      const { rows, nextPageToken } = page('groups', all.slice(0, size + 1), size, (group) => group.key);
      const groups = rows.flatMap(({ id }) => {
        const group = tree.get(id);
        return group ? [groupMessage(tree, group)] : [];
      });
      return { groups, nextPageToken };
    },
  };
}
