import { characters } from '../../shared/characters.js';
import { invalid, type Violation } from '../../shared/errors.js';
import { ConnectionState, DeviceFilter, IsolationFilter } from '../../shared/gen/cordon/v1/device.js';
import { IsolationState } from '../../shared/gen/cordon/v1/isolation.js';
import type { Reader } from '../store/store.js';
import { ORDERED_COLUMNS, type OrderedDevice } from '../desired/order.js';
import { validateTags } from './device-tags.js';
import { findGroup, subtree } from './group-lookup.js';
import { nameMatcher } from './name-pattern.js';

const LONGEST_TEXT = 253;
/** Rows that are read at once where not every row fits. */
const BATCH = 2_000;
/** States in which rules of ours are in the packet filter by the last report, or could not be removed. */
const ISOLATED_STATES: readonly IsolationState[] = [
  IsolationState.ISOLATION_STATE_ISOLATED,
  IsolationState.ISOLATION_STATE_DEGRADED,
  IsolationState.ISOLATION_STATE_RELEASING,
];

/** A filter whose fields are in order. What has no column in the store is a test of the row. */
export interface Selection {
  /** Ids in the store of the group and of those below it; undefined: any. */
  readonly groups: readonly string[] | undefined;
  readonly os: string;
  readonly isolation: IsolationFilter;
  readonly matches: (row: SelectedDevice) => boolean;
  /** Only these devices; absent: any. At most as many as fit into one query. */
  readonly ids?: readonly string[];
}

/** What of a device's row is read to select it and to give it an order: small, whatever its reports hold. */
export type SelectedDevice = OrderedDevice & { readonly tags_json: string };

/**
 * Checks a filter.
 * @param filter absent: every device
 * @param isOnline whether a stream of the device is open now: no store knows
 * @param path field path of the filter in the request
 * @throws CordonError INVALID_FIELD with the paths of all fields in question, NOT_FOUND for an unknown group
 */
export async function readFilter(
  db: Reader,
  filter: DeviceFilter = DeviceFilter.fromPartial({}),
  isOnline: (deviceId: string) => boolean,
  path = 'filter',
): Promise<Selection> {
  const violations = [
    ...validateTags(filter.tags, `${path}.tags`),
    ...validateText(`${path}.name_pattern`, filter.namePattern),
    ...validateText(`${path}.os`, filter.os),
    ...validateEnum(`${path}.connection`, ConnectionState, filter.connection),
    ...validateEnum(`${path}.isolation`, IsolationFilter, filter.isolation),
  ];
  if (violations.length > 0) throw invalid(violations);
  const group = filter.groupId === '' ? undefined : await findGroup(db, filter.groupId, `${path}.group_id`);
  return {
    // The root group holds every device, one whose group is gone too.
    groups: group && group.id !== '' ? await subtree(db, group.id) : undefined,
    os: filter.os,
    isolation: filter.isolation,
    matches: rowTest(filter, isOnline),
  };
}

function rowTest(
  { namePattern, tags, connection }: DeviceFilter,
  isOnline: (deviceId: string) => boolean,
): (row: SelectedDevice) => boolean {
  const tests: ((row: SelectedDevice) => boolean)[] = [];
  if (namePattern !== '') {
    const named = nameMatcher(namePattern);
    tests.push(({ name }) => named(name));
  }
  if (tags.length > 0) {
    tests.push(({ tags_json }) => {
      const has = new Set(JSON.parse(tags_json) as string[]);
      return tags.every((tag) => has.has(tag));
    });
  }
  if (connection !== ConnectionState.CONNECTION_STATE_UNSPECIFIED) {
    const online = connection === ConnectionState.CONNECTION_STATE_ONLINE;
    tests.push(({ id }) => isOnline(id) === online);
  }
  return (row) => tests.every((test) => test(row));
}

/**
 * Selected devices by name.
 * @param after name of the last device before the first; '': from the start
 * @param limit most devices that are returned
 */
export async function selectDevices(
  db: Reader,
  selection: Selection,
  after: string,
  limit: number,
): Promise<SelectedDevice[]> {
  const found: SelectedDevice[] = [];
  // The first batch is what is wanted: where every row fits, no more than that is read.
  for (let last = after, batch = limit; ; batch = BATCH) {
    const rows = await candidates(db, selection).where('name', '>', last).limit(batch).execute();
    for (const row of rows) {
      if (!selection.matches(row)) continue;
      found.push(row);
      if (found.length === limit) return found;
    }
    const end = rows.at(-1);
    if (!end || rows.length < batch) return found;
    last = end.name;
  }
}

/** Rows in the order of their names, as far as columns decide. */
function candidates(db: Reader, { groups, os, isolation, ids }: Selection) {
  let query = db
    .selectFrom('devices')
    .select([...ORDERED_COLUMNS, 'tags_json'])
    .orderBy('name');
  if (ids) query = query.where('id', 'in', ids);
  if (groups) query = query.where('group_id', 'in', groups);
  if (os !== '') query = query.where('os', '=', os);
  switch (isolation) {
    case IsolationFilter.ISOLATION_FILTER_ISOLATED:
      return query.where('observed_state', 'in', ISOLATED_STATES);
    case IsolationFilter.ISOLATION_FILTER_RELEASED:
      return query.where('observed_state', 'not in', ISOLATED_STATES);
    case IsolationFilter.ISOLATION_FILTER_PENDING:
      return query.whereRef('observed_generation', '<', 'generation');
    case IsolationFilter.ISOLATION_FILTER_UNSPECIFIED:
    case IsolationFilter.UNRECOGNIZED:
      return query;
  }
}

function validateText(field: string, text: string): Violation[] {
  const count = characters(text);
  if (count <= LONGEST_TEXT) return [];
  return [{ field, description: `must have at most ${LONGEST_TEXT} characters; it has ${count}` }];
}

/** A condition that this version does not know must not select more than was meant. */
function validateEnum(field: string, known: Readonly<Record<number, string>>, value: number): Violation[] {
  if (value >= 0 && value in known) return [];
  return [{ field, description: 'is a condition that this version does not know; upgrade the server' }];
}
