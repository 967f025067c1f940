import { IsolationSettings, IsolationMode } from '../../shared/gen/cordon/v1/isolation.js';
import { Policy } from '../../shared/gen/cordon/v1/policy.js';
import { inChunks } from '../store/chunks.js';
import type { Reader, Tx } from '../store/store.js';
import { mergeSettings } from './merge.js';
import { keepSettings } from './settings.js';
import { loadSources, type Sources } from './sources.js';

/** Whose settings a change may have touched. Group ids are the store's: '' is the root group. */
export type Concerned =
  /** Devices of these groups and of all groups below them. */
  | { readonly kind: 'groups'; readonly groupIds: readonly string[] }
  | { readonly kind: 'device'; readonly deviceId: string };

interface Member {
  readonly id: string;
  readonly group_id: string;
  readonly settings_hash: string;
}

/**
 * Brings the settings of devices in step with the policies, tasks and groups as they are now, after any change of those
 * and in its transaction. A device whose settings differ gets a new generation. Returns the ids of those devices: their
 * streams and feeds are to be told after the commit.
 */
export async function refreshSettings(tx: Tx, concerned: Concerned): Promise<string[]> {
  const sources = await loadSources(tx);
  const merged = new Merged(tx, sources);
  const changed = new Map<string, string[]>();
  for (const device of await members(tx, sources, concerned)) {
    const hash = await merged.hash(device.id, device.group_id);
    if (hash === device.settings_hash) continue;
    const others = changed.get(hash);
    if (others) others.push(device.id);
    else changed.set(hash, [device.id]);
  }
  for (const [hash, deviceIds] of changed) {
    const automatic = merged.isAutomatic(hash);
    for (const chunk of inChunks(deviceIds)) await adopt(tx, chunk, hash, automatic);
  }
  return [...changed.values()].flat();
}

/** Hash of the settings that a new device of a group has, kept. */
export async function settingsOfNewDevice(tx: Tx, deviceId: string, groupId: string): Promise<string> {
  return new Merged(tx, await loadSources(tx)).hash(deviceId, groupId);
}

async function members(tx: Tx, { tree }: Sources, concerned: Concerned): Promise<Member[]> {
  const query = tx.selectFrom('devices').select(['id', 'group_id', 'settings_hash']);
  switch (concerned.kind) {
    case 'device':
      return query.where('id', '=', concerned.deviceId).execute();
    case 'groups': {
      const groupIds = new Set(concerned.groupIds.flatMap((id) => tree.subtree(id)));
      const found: Member[] = [];
      for (const chunk of inChunks([...groupIds])) {
        found.push(...(await query.where('group_id', 'in', chunk).execute()));
      }
      return found;
    }
  }
}

/** Merges each pair of policy and task once, however many devices share it. */
class Merged {
  private readonly hashes = new Map<string, string>();
  private readonly automatic = new Map<string, boolean>();
  private readonly policies = new Map<string, Policy>();
  private readonly tasks = new Map<string, IsolationSettings>();

  constructor(
    private readonly tx: Tx,
    private readonly sources: Sources,
  ) {}

  async hash(deviceId: string, groupId: string): Promise<string> {
    const policyId = this.sources.policy(groupId)?.id;
    const taskId = this.sources.task(deviceId, groupId)?.id;
    const pair = `${policyId ?? ''}/${taskId ?? ''}`;
    const known = this.hashes.get(pair);
    if (known !== undefined) return known;
    const settings = mergeSettings(
      policyId === undefined ? undefined : await this.policy(policyId),
      taskId === undefined ? undefined : await this.task(taskId),
    );
    const hash = await keepSettings(this.tx, settings);
    this.hashes.set(pair, hash);
    this.automatic.set(hash, settings.automaticSettings !== undefined);
    return hash;
  }

  /** Whether the settings that were merged to this hash let a detection isolate. */
  isAutomatic(hash: string): boolean {
    return this.automatic.get(hash) ?? false;
  }

  private async policy(id: string): Promise<Policy> {
    return this.policies.get(id) ?? remember(this.policies, id, await readPolicy(this.tx, id));
  }

  private async task(id: string): Promise<IsolationSettings> {
    return this.tasks.get(id) ?? remember(this.tasks, id, await readTask(this.tx, id));
  }
}

function remember<Value>(known: Map<string, Value>, key: string, value: Value): Value {
  known.set(key, value);
  return value;
}

async function readPolicy(db: Reader, id: string): Promise<Policy> {
  const row = await db
    .selectFrom('policies')
    .select('policy_proto')
    .where('id', '=', id)
    .executeTakeFirstOrThrow();
  return Policy.decode(row.policy_proto);
}

async function readTask(db: Reader, id: string): Promise<IsolationSettings> {
  const row = await db
    .selectFrom('isolation_tasks')
    .select('settings_proto')
    .where('id', '=', id)
    .executeTakeFirstOrThrow();
  return IsolationSettings.decode(row.settings_proto);
}

/** New settings are a new generation: whatever was refused or applied before, this is another one. */
async function adopt(tx: Tx, deviceIds: readonly string[], hash: string, automatic: boolean): Promise<void> {
  await tx
    .updateTable('devices')
    .set((row) => ({
      settings_hash: hash,
      generation: row('generation', '+', 1),
      version: row('version', '+', 1),
      rejection: '',
    }))
    .where('id', 'in', deviceIds)
    .execute();
  // The history shows the exclusions of the newest settings. A device that is isolated automatically keeps what it has
  // when automatic isolation is switched off.
  let active = tx
    .updateTable('isolations')
    .set({ settings_hash: hash })
    .where('device_id', 'in', deviceIds)
    .where('ended_at', 'is', null);
  if (!automatic) active = active.where('mode', '!=', IsolationMode.ISOLATION_MODE_AUTOMATIC);
  await active.execute();
}
