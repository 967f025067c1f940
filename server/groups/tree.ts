import type { Selectable } from 'kysely';
import type { GroupsTable } from '../store/schema.js';
import type { Reader } from '../store/store.js';

export type GroupRow = Selectable<GroupsTable>;

/** The root group has no row: it is always there, and nothing about it can change. */
export const ROOT_GROUP: GroupRow = { id: '', name: 'root', parent_id: '', version: 1 };

/** All groups at one moment. Ids are the store's: '' is the root group. */
export class GroupTree {
  private readonly byId: ReadonlyMap<string, GroupRow>;
  private readonly below = new Map<string, GroupRow[]>();

  constructor(groups: readonly GroupRow[]) {
    this.byId = new Map(groups.map((group) => [group.id, group]));
    for (const group of groups) {
      const siblings = this.below.get(group.parent_id);
      if (siblings) siblings.push(group);
      else this.below.set(group.parent_id, [group]);
    }
  }

  /** How many there are beside the root group. */
  get size(): number {
    return this.byId.size;
  }

  get(id: string): GroupRow | undefined {
    return id === ROOT_GROUP.id ? ROOT_GROUP : this.byId.get(id);
  }

  children(id: string): readonly GroupRow[] {
    return this.below.get(id) ?? [];
  }

  /** The group and those above it, nearest first; the root group is always the last. */
  upwards(id: string): GroupRow[] {
    const line: GroupRow[] = [];
    // No cycle is ever stored; a damaged store must not hang the server all the same.
    for (let group = this.byId.get(id); group && line.length < this.size;) {
      line.push(group);
      group = this.byId.get(group.parent_id);
    }
    return [...line, ROOT_GROUP];
  }

  /** Names from below the root down to the group, joined by `/`; '' for the root group. */
  path(id: string): string {
    const names = this.upwards(id).slice(0, -1);
    return names
      .map(({ name }) => name)
      .reverse()
      .join('/');
  }

  /** Ids of the group and of all groups below it. */
  subtree(id: string): string[] {
    const ids = [id];
    // Grows while it is read: each group brings its children.
    for (const above of ids) for (const child of this.children(above)) ids.push(child.id);
    return ids;
  }

  /** Levels of the subtree, the group itself included. */
  height(id: string): number {
    const heights = this.children(id).map((child) => this.height(child.id));
    return 1 + Math.max(0, ...heights);
  }
}

/** Reads the whole tree: at most 10,000 groups. */
export async function loadGroups(db: Reader): Promise<GroupTree> {
  return new GroupTree(await db.selectFrom('groups').selectAll().execute());
}
