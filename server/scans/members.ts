import { ConnectionState, DeviceFilter, IsolationFilter } from '../../shared/gen/cordon/v1/device.js';
import { readFilter, selectDevices } from '../api/device-filter.js';
import { loadGroups } from '../groups/tree.js';
import { chunksInTurns } from '../store/chunks.js';
import type { Reader } from '../store/store.js';
import type { StartingDevice } from './starts.js';
import { decodeTask, type ScanTaskRow } from './tasks.js';

/** Every device. */
const ALL = Number.MAX_SAFE_INTEGER;

/** Whom a task is asked about. */
export interface Asked {
  /** Only these devices; undefined: any. */
  readonly ids: readonly string[] | undefined;
  /** Devices with runs already. They keep them when they come and go, or are isolated and released. */
  readonly planned: ReadonlySet<string>;
}

/** Devices that a task is for, by id. Banned ones are left out: they cannot connect. */
export async function membersOf(
  db: Reader,
  row: ScanTaskRow,
  isOnline: (deviceId: string) => boolean,
  { ids, planned }: Asked,
): Promise<ReadonlyMap<string, StartingDevice>> {
  const members = new Map<string, StartingDevice>();
  const groups = await groupsOf(db, row);
  for await (const chunk of ids ? chunksInTurns(ids) : [undefined]) {
    const chosen =
      row.scope_kind === 'filter' ? await selected(db, row, isOnline, { ids: chunk, planned }) : undefined;
    let query = db.selectFrom('devices').select(['id', 'time_zone', 'group_id']).where('banned', '=', 0);
    if (chunk) query = query.where('id', 'in', chunk);
    if (row.scope_kind === 'device') query = query.where('id', '=', row.scope_id);
    for (const device of await query.execute()) {
      if (chosen && !chosen.has(device.id)) continue;
      if (groups && !groups.has(device.group_id)) continue;
      members.set(device.id, { id: device.id, timeZone: device.time_zone });
    }
  }
  return members;
}

/** Ids of the groups whose devices it is for; undefined where groups do not matter. */
async function groupsOf(db: Reader, row: ScanTaskRow): Promise<ReadonlySet<string> | undefined> {
  // The root group holds every device, one whose group is gone too.
  if (row.scope_kind !== 'group' || row.scope_id === '') return undefined;
  return new Set((await loadGroups(db)).subtree(row.scope_id));
}

async function selected(
  db: Reader,
  row: ScanTaskRow,
  isOnline: (deviceId: string) => boolean,
  { ids, planned }: Asked,
): Promise<ReadonlySet<string>> {
  const target = decodeTask(row).scope?.target;
  const filter = target?.$case === 'filter' ? target.value : DeviceFilter.fromPartial({});
  const lasting: DeviceFilter = {
    ...filter,
    connection: ConnectionState.CONNECTION_STATE_UNSPECIFIED,
    isolation: IsolationFilter.ISOLATION_FILTER_UNSPECIFIED,
  };
  const select = async (wanted: DeviceFilter): Promise<string[]> => {
    const selection = await readFilter(db, wanted, isOnline);
    const rows = await selectDevices(db, { ...selection, ...(ids ? { ids } : {}) }, '', ALL);
    return rows.map(({ id }) => id);
  };
  const kept = planned.size === 0 ? [] : (await select(lasting)).filter((id) => planned.has(id));
  return new Set([...kept, ...(await select(filter))]);
}
