import { ROOT_GROUP, loadGroups, type GroupTree } from '../groups/tree.js';
import type { Reader } from '../store/store.js';

/** A policy or a task that applies, and what it belongs to. */
export interface Source {
  readonly id: string;
  /** Where it comes from. Group ids are the store's: '' is the root group. */
  readonly from: { readonly kind: 'device' } | { readonly kind: 'group'; readonly groupId: string };
}

/** Which policy and which network-isolation task apply where: the nearest one upwards (DESIGN section 8). */
export class Sources {
  private readonly policies = new Map<string, Source | undefined>();
  private readonly groupTasks = new Map<string, Source | undefined>();

  /**
   * @param policyIds by group
   * @param groupTaskIds by group
   * @param deviceTaskIds by device
   */
  constructor(
    readonly tree: GroupTree,
    private readonly policyIds: ReadonlyMap<string, string>,
    private readonly groupTaskIds: ReadonlyMap<string, string>,
    private readonly deviceTaskIds: ReadonlyMap<string, string>,
  ) {}

  /** The policy of the nearest group; undefined: none applies. */
  policy(groupId: string): Source | undefined {
    return this.nearest(this.policies, this.policyIds, groupId);
  }

  /** The task of the device itself, else of the nearest group; undefined: none applies. */
  task(deviceId: string, groupId: string): Source | undefined {
    const own = this.deviceTaskIds.get(deviceId);
    if (own !== undefined) return { id: own, from: { kind: 'device' } };
    return this.nearest(this.groupTasks, this.groupTaskIds, groupId);
  }

  private nearest(
    known: Map<string, Source | undefined>,
    ids: ReadonlyMap<string, string>,
    groupId: string,
  ): Source | undefined {
    if (known.has(groupId)) return known.get(groupId);
    const group = this.tree.upwards(groupId).find(({ id }) => ids.has(id));
    const id = group && ids.get(group.id);
    const source: Source | undefined =
      id === undefined ? undefined : { id, from: { kind: 'group', groupId: group?.id ?? ROOT_GROUP.id } };
    known.set(groupId, source);
    return source;
  }
}

/** Reads which policies and tasks there are, without their content. */
export async function loadSources(db: Reader): Promise<Sources> {
  const tree = await loadGroups(db);
  const policies = await db.selectFrom('policies').select(['id', 'group_id']).execute();
  const tasks = await db.selectFrom('isolation_tasks').select(['id', 'scope_kind', 'scope_id']).execute();
  const tasksOf = (kind: string): Map<string, string> =>
    new Map(tasks.flatMap((task) => (task.scope_kind === kind ? [[task.scope_id, task.id] as const] : [])));
  return new Sources(
    tree,
    new Map(policies.map((policy) => [policy.group_id, policy.id])),
    tasksOf('group'),
    tasksOf('device'),
  );
}
