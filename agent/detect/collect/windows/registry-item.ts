import { setImmediate } from 'node:timers/promises';
import type { CollectRequest, Collector, Item } from '../../item.js';
import { collector } from '../collector.js';
import { itemOf, type Known } from '../item-of.js';
import { Accounts } from './accounts.js';
import { orNotHere, reasonOf } from './not-here.js';
import { registryCalls, type RawValue, type RegistryCalls, type RegistryKey } from './registry-calls.js';
import { isPerson, keyNames, type KeyNames } from './registry-paths.js';
import { fixedPlaces, namedPlaces, type Place } from './registry-places.js';
import { registryTexts, registryType } from './registry-values.js';

/** Keys that one scan reads at most, and values of one key. */
const MOST_KEYS = 200_000;
const MOST_VALUES = 10_000;
const MOST_ITEMS = 2_000_000;
/** Names in documents that are looked up at most. */
const MOST_NAMED = 5_000;
/** Keys that are read before other work gets its turn: some milliseconds. */
const SLICE = 50;

const PROFILES = 'SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion\\ProfileList';

/**
 * Keys and values of the registry: those of `fixedPlaces`, and those that documents name. Each key is an item of type
 * `REG_KEY`, and each of its values another one.
 * @param open calls to the registry; default: that of this computer
 * @param mostKeys keys that one scan reads at most, for tests
 */
export function registryCollector(
  open: () => Promise<RegistryCalls> = registryCalls,
  mostKeys = MOST_KEYS,
): Collector {
  return collector({
    type: 'RegistryItem',
    properties: [
      'Path',
      'Hive',
      'KeyPath',
      'ValueName',
      'Value',
      'Text',
      'Type',
      'Modified',
      'NumSubKeys',
      'NumValues',
      'Username',
    ],
    most: MOST_ITEMS,
    list: async function* (request) {
      yield* collectRegistry(await orNotHere(open()), request, mostKeys);
    },
  });
}

async function* collectRegistry(
  calls: RegistryCalls,
  request: CollectRequest,
  mostKeys: number,
): AsyncGenerator<Item> {
  const users = hives(calls, request);
  tellUnloaded(calls, request, users);
  const walk = new Walk(calls, request, mostKeys);
  for (const place of [...fixedPlaces(users), ...named(request, users)]) yield* walk.from(place);
}

function named({ literals, problem }: CollectRequest, users: readonly string[]): Place[] {
  const all = ['RegistryItem/Path', 'RegistryItem/KeyPath'].flatMap((term) => literals.get(term) ?? []);
  if (all.length > MOST_NAMED) {
    problem('RegistryItem/Path', `documents name ${all.length} keys; the first ${MOST_NAMED} are looked up`);
  }
  return all.slice(0, MOST_NAMED).flatMap((literal) => namedPlaces(literal, users));
}

function hives(calls: RegistryCalls, { problem }: CollectRequest): string[] {
  try {
    return subKeysOf(calls, 'HKEY_USERS', '');
  } catch (error) {
    problem('HKEY_USERS', reasonOf(error));
    return [];
  }
}

/** Windows loads the hive of a user at logon: of the others nothing is known here. */
function tellUnloaded(calls: RegistryCalls, { problem }: CollectRequest, users: readonly string[]): void {
  const loaded = new Set(users.map((user) => user.toUpperCase()));
  try {
    for (const sid of subKeysOf(calls, 'HKEY_LOCAL_MACHINE', PROFILES)) {
      if (!isPerson(sid) || loaded.has(sid.toUpperCase())) continue;
      problem(
        `HKEY_USERS\\${sid}`,
        'not available here: this user is not logged on, so the hive is not loaded',
      );
    }
  } catch (error) {
    problem(`HKEY_LOCAL_MACHINE\\${PROFILES}`, reasonOf(error));
  }
}

function subKeysOf(calls: RegistryCalls, root: Place['root'], path: string): string[] {
  const key = calls.open(root, path);
  try {
    return key === undefined ? [] : namesIn(key);
  } finally {
    key?.close();
  }
}

function namesIn(key: RegistryKey): string[] {
  const names: string[] = [];
  for (let index = 0; index < MOST_KEYS; index += 1) {
    const name = key.subKey(index);
    if (name === undefined) break;
    names.push(name);
  }
  return names;
}

class Walk {
  private readonly accounts = new Accounts();
  /** Folded paths, and how far below them was read. */
  private readonly seen = new Map<string, number>();
  private keys = 0;
  private full = false;
  private readonly wantsOwner: boolean;

  constructor(
    private readonly calls: RegistryCalls,
    private readonly request: CollectRequest,
    private readonly mostKeys: number,
  ) {
    this.wantsOwner = request.terms.has('RegistryItem/Username');
  }

  async *from({ root, path, depth }: Place): AsyncGenerator<Item> {
    const folded = `${root}\\${path}`.toUpperCase();
    const before = this.seen.get(folded);
    if (this.request.signal.aborted || (before ?? -1) >= depth) return;
    if (this.keys >= this.mostKeys) {
      this.tellFull(`${root}\\${path}`);
      return;
    }
    this.seen.set(folded, depth);
    const read = this.read(root, path, depth > 0);
    if (read === undefined) return;
    // Read before, but not so far down: only what is below it is new.
    if (before === undefined) yield* this.items(root, path, read);
    if (this.keys % SLICE === 0) await setImmediate();
    for (const name of read.subKeys) {
      yield* this.from({ root, path: path === '' ? name : `${path}\\${name}`, depth: depth - 1 });
    }
  }

  private tellFull(place: string): void {
    if (this.full) return;
    this.full = true;
    this.request.problem(
      place,
      `more than ${this.mostKeys} keys: this one and those behind it are not looked at`,
    );
  }

  /** Undefined: there is no such key, or it may not be read, which has been told. */
  private read(root: Place['root'], path: string, below: boolean): KeyContent | undefined {
    const subject = `${root}\\${path}`;
    let key: RegistryKey | undefined;
    try {
      key = this.calls.open(root, path);
      if (key === undefined) return undefined;
      this.keys += 1;
      return {
        info: key.info(),
        owner: this.wantsOwner ? this.ownerOf(key, subject) : undefined,
        values: this.valuesOf(key, subject),
        subKeys: below ? namesIn(key) : [],
      };
    } catch (error) {
      this.request.problem(subject, reasonOf(error));
      return undefined;
    } finally {
      key?.close();
    }
  }

  private ownerOf(key: RegistryKey, subject: string): string | undefined {
    try {
      return key.owner();
    } catch (error) {
      this.request.problem(subject, `its owner is not known: ${reasonOf(error)}`);
      return undefined;
    }
  }

  private valuesOf(key: RegistryKey, subject: string): RawValue[] {
    const values: RawValue[] = [];
    for (let value = key.value(0); value !== undefined; value = key.value(values.length)) {
      if (values.length === MOST_VALUES) {
        this.request.problem(subject, `more than ${MOST_VALUES} values: the rest is not looked at`);
        break;
      }
      if (value.data === undefined) {
        this.request.problem(`${subject}\\${value.name}`, `${value.length} bytes are too many to look at`);
      }
      values.push(value);
    }
    return values;
  }

  private async *items(root: Place['root'], path: string, content: KeyContent): AsyncGenerator<Item> {
    const names = keyNames(root, path);
    const [hive = ''] = path.split('\\');
    const sids = [content.owner, this.wantsOwner && isPerson(hive) ? hive : undefined];
    const known = [...new Set(sids.filter((sid) => sid !== undefined))];
    const owners = await Promise.all(known.map((sid) => this.accounts.namesOf(sid)));
    const shared = {
      Hive: names.hives,
      KeyPath: names.keyPaths,
      Modified: content.info.modified,
      NumSubKeys: content.info.subKeys,
      NumValues: content.info.values,
      Username: owners.flat(),
    };
    yield itemOf('RegistryItem', { ...shared, Path: names.paths, Type: 'REG_KEY' });
    for (const value of content.values) yield itemOf('RegistryItem', { ...shared, ...ofValue(names, value) });
  }
}

interface KeyContent {
  readonly info: ReturnType<RegistryKey['info']>;
  readonly owner: string | undefined;
  readonly values: readonly RawValue[];
  readonly subKeys: readonly string[];
}

/** As the registry editor calls the value that has no name. */
const DEFAULT = '(Default)';

function ofValue({ paths }: KeyNames, value: RawValue): Readonly<Record<string, Known>> {
  const name = value.name === '' ? DEFAULT : value.name;
  const texts = registryTexts(value);
  return {
    Path: paths.map((path) => `${path}\\${name}`),
    ValueName: name,
    Type: registryType(value.type),
    Value: texts,
    Text: texts,
  };
}
