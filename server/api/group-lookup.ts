import { invalid } from '../../shared/errors.js';
import { ROOT_GROUP, loadGroups, type GroupRow } from '../groups/tree.js';
import type { Reader } from '../store/store.js';
import { notFound } from './validate.js';

export type { GroupRow };

/** How the contract names the root group, whose id in the store is ''. */
const ROOT_NAME = 'root';

/** Id of a group as the contract writes it. */
export function publicGroupId(storedId: string): string {
  return storedId === ROOT_GROUP.id ? ROOT_NAME : storedId;
}

/**
 * A group by id, `root` or path. An id goes before a path: a name never hides another group.
 * @param text as a person or a program wrote it
 * @param field where it stands in the request, for the error
 * @throws CordonError INVALID_FIELD if `text` is empty, NOT_FOUND
 */
export async function findGroup(db: Reader, text: string, field = 'group_id'): Promise<GroupRow> {
  if (text === '') {
    throw invalid([{ field, description: 'must be the id or the path of a group, or "root"' }]);
  }
  if (text === ROOT_NAME) return ROOT_GROUP;
  const byId = await db.selectFrom('groups').selectAll().where('id', '=', text).executeTakeFirst();
  const group = byId ?? (await byPath(db, text));
  if (!group) throw notFound('group', text, 'id or path');
  return group;
}

async function byPath(db: Reader, path: string): Promise<GroupRow | undefined> {
  let group = ROOT_GROUP;
  for (const name of path.split('/')) {
    const child = await db
      .selectFrom('groups')
      .selectAll()
      .where('parent_id', '=', group.id)
      .where('name', '=', name)
      .executeTakeFirst();
    if (!child) return undefined;
    group = child;
  }
  return group;
}

/** Paths of all groups by their id in the store; '' for the root group, whose id is '' too. */
export async function groupPaths(db: Reader): Promise<ReadonlyMap<string, string>> {
  const tree = await loadGroups(db);
  return new Map(tree.subtree(ROOT_GROUP.id).map((id) => [id, tree.path(id)]));
}

/** Ids in the store of a group and of all groups below it: at most 10,001. */
export async function subtree(db: Reader, id: string): Promise<string[]> {
  return (await loadGroups(db)).subtree(id);
}
