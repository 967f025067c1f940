import { FWP_ACTION, FWP_DATA_TYPE, FWPM_FILTER_FLAG, FWPM_CHANGE, FWPM_FLAG } from './constants.js';
import { decodeValue } from './decode-value.js';
import { guidOf } from './guid-memory.js';
import type { Guid } from './guids.js';
import { FIELD_NAMES, LAYER_NAMES, MATCH_NAMES } from './names.js';
import type { Address, WfpMemory } from './library.js';
import { copyBytes, StructBytes } from './struct-bytes.js';
import type {
  Condition,
  Display,
  Filter,
  FilterChange,
  FoundFilter,
  Lifetime,
  Provider,
  Session,
  Sublayer,
  Weight,
} from './types.js';

/** From BFE's memory to plain data. Everything is copied: the memory may be given back right after. */

export function decodeFilter(memory: WfpMemory, address: Address<'object'>): FoundFilter {
  const raw = StructBytes.read(memory, 'FWPM_FILTER0', address);
  const display = decodeDisplay(raw);
  const found = {
    key: raw.guid('filterKey'),
    layer: raw.guid('layerKey'),
    sublayer: raw.guid('subLayerKey'),
    provider: decodeKey(memory, raw.pointer('providerKey')),
    name: display.name,
    flags: raw.uint32('flags'),
    action: raw.struct('action').uint32('type'),
    id: raw.uint64('filterId'),
    effectiveWeight: decodeEffectiveWeight(memory, raw.struct('effectiveWeight')),
  };
  return { ...found, filter: asFilter(memory, raw, found, display) };
}

const GUID_SIZE = 16;

type Found = Omit<FoundFilter, 'filter'>;

/**
 * Flags that `Filter` has a word for; that of an index, which says nothing about what passes; and that of a filter that is
 * not in use, which BFE may give to boot-time ones that have done their work (compare.ts).
 */
const SAYABLE =
  FWPM_FILTER_FLAG.FWPM_FILTER_FLAG_PERSISTENT |
  FWPM_FILTER_FLAG.FWPM_FILTER_FLAG_BOOTTIME |
  FWPM_FILTER_FLAG.FWPM_FILTER_FLAG_CLEAR_ACTION_RIGHT |
  FWPM_FILTER_FLAG.FWPM_FILTER_FLAG_INDEXED |
  FWPM_FILTER_FLAG.FWPM_FILTER_FLAG_DISABLED;

function asFilter(memory: WfpMemory, raw: StructBytes, found: Found, display: Display): Filter | undefined {
  const layer = LAYER_NAMES.get(found.layer);
  const lifetime = decodeLifetime(found.flags);
  const action = decodeAction(found.action);
  const weight = decodeWeight(memory, raw.struct('weight'));
  const conditions = decodeConditions(memory, raw);
  if ((found.flags & ~SAYABLE) !== 0) return undefined;
  if (layer === undefined || lifetime === undefined || action === undefined) return undefined;
  if (weight === undefined || conditions === undefined) return undefined;
  return {
    ...display,
    key: found.key,
    provider: found.provider,
    sublayer: found.sublayer,
    layer,
    lifetime,
    weight,
    conditions,
    action,
    hard: (found.flags & FWPM_FILTER_FLAG.FWPM_FILTER_FLAG_CLEAR_ACTION_RIGHT) !== 0,
    data: raw.blob('providerData'),
  };
}

function decodeConditions(memory: WfpMemory, raw: StructBytes): Condition[] | undefined {
  const count = raw.uint32('numFilterConditions');
  if (count === 0) return [];
  const address = raw.pointer('filterCondition');
  if (address === null) return undefined;
  const conditions: Condition[] = [];
  for (const entry of StructBytes.readArray(memory, 'FWPM_FILTER_CONDITION0', address, count)) {
    const field = FIELD_NAMES.get(entry.guid('fieldKey'));
    const match = MATCH_NAMES.get(entry.uint32('matchType'));
    const value = decodeValue(memory, entry.struct('conditionValue'));
    if (field === undefined || match === undefined || value === undefined) return undefined;
    conditions.push({ field, match, value });
  }
  return conditions;
}

function decodeLifetime(flags: number): Lifetime | undefined {
  const persistent = (flags & FWPM_FILTER_FLAG.FWPM_FILTER_FLAG_PERSISTENT) !== 0;
  const bootTime = (flags & FWPM_FILTER_FLAG.FWPM_FILTER_FLAG_BOOTTIME) !== 0;
  if (persistent && bootTime) return undefined;
  if (bootTime) return 'boot-time';
  return persistent ? 'persistent' : 'static';
}

function decodeAction(type: number): Filter['action'] | undefined {
  if (type === FWP_ACTION.FWP_ACTION_PERMIT) return 'permit';
  return type === FWP_ACTION.FWP_ACTION_BLOCK ? 'block' : undefined;
}

function decodeWeight(memory: WfpMemory, raw: StructBytes): Weight | undefined {
  const value = decodeValue(memory, raw);
  if (value?.type === 'empty') return { kind: 'auto' };
  if (value?.type === 'uint8') return { kind: 'class', value: value.value };
  return value?.type === 'uint64' ? { kind: 'exact', value: value.value } : undefined;
}

function decodeEffectiveWeight(memory: WfpMemory, raw: StructBytes): bigint | undefined {
  if (raw.uint32('type') !== FWP_DATA_TYPE.FWP_UINT64) return undefined;
  const value = decodeValue(memory, raw);
  return value?.type === 'uint64' ? value.value : undefined;
}

export function decodeProvider(memory: WfpMemory, address: Address<'object'>): Provider {
  const raw = StructBytes.read(memory, 'FWPM_PROVIDER0', address);
  return {
    ...decodeDisplay(raw),
    key: raw.guid('providerKey'),
    lifetime: (raw.uint32('flags') & FWPM_FLAG.FWPM_PROVIDER_FLAG_PERSISTENT) === 0 ? 'static' : 'persistent',
    data: raw.blob('providerData'),
    serviceName: raw.text('serviceName') ?? undefined,
  };
}

export function decodeSublayer(memory: WfpMemory, address: Address<'object'>): Sublayer {
  const raw = StructBytes.read(memory, 'FWPM_SUBLAYER0', address);
  return {
    ...decodeDisplay(raw),
    key: raw.guid('subLayerKey'),
    provider: decodeKey(memory, raw.pointer('providerKey')),
    lifetime: (raw.uint32('flags') & FWPM_FLAG.FWPM_SUBLAYER_FLAG_PERSISTENT) === 0 ? 'static' : 'persistent',
    data: raw.blob('providerData'),
    weight: raw.uint16('weight'),
  };
}

export function decodeSession(memory: WfpMemory, address: Address<'object'>): Session {
  const raw = StructBytes.read(memory, 'FWPM_SESSION0', address);
  return {
    key: raw.guid('sessionKey'),
    name: decodeDisplay(raw).name,
    processId: raw.uint32('processId'),
    username: raw.text('username') ?? '',
    dynamic: (raw.uint32('flags') & FWPM_FLAG.FWPM_SESSION_FLAG_DYNAMIC) !== 0,
    kernelMode: raw.uint32('kernelMode') !== 0,
  };
}

/** Undefined for a kind of change that this code does not know. */
export function decodeChange(memory: WfpMemory, address: Address<'change'>): FilterChange | undefined {
  const raw = StructBytes.read(memory, 'FWPM_FILTER_CHANGE0', address);
  const change = { key: raw.guid('filterKey'), id: raw.uint64('filterId') };
  const type = raw.uint32('changeType');
  if (type === FWPM_CHANGE.FWPM_CHANGE_ADD) return { kind: 'added', ...change };
  return type === FWPM_CHANGE.FWPM_CHANGE_DELETE ? { kind: 'deleted', ...change } : undefined;
}

/** FWP_BYTE_BLOB behind an address. */
export function decodeBlobAt(memory: WfpMemory, address: Address<'blob'>): Buffer {
  return StructBytes.read(memory, 'FWP_BYTE_BLOB', address).asBlob();
}

function decodeKey(memory: WfpMemory, address: bigint | null): Guid | undefined {
  return address === null ? undefined : guidOf(copyBytes(memory, address, GUID_SIZE), 0);
}

function decodeDisplay(object: StructBytes): Display {
  const display = object.struct('displayData');
  return { name: display.text('name') ?? '', description: display.text('description') ?? '' };
}
