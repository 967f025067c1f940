import { FWP_ACTION, FWP_DATA_TYPE, FWPM_FILTER_FLAG, FWPM_CHANGE, FWPM_FLAG } from './constants.js';
import { decodeBlob, decodeValue, type ReadValue } from './decode-value.js';
import { fromRawGuid, type RawGuid } from './guid-memory.js';
import type { Guid } from './guids.js';
import { FIELD_NAMES, LAYER_NAMES, MATCH_NAMES } from './names.js';
import type { Address, WfpMemory } from './library.js';
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

interface ReadDisplay {
  readonly name: string | null;
  readonly description: string | null;
}

interface ReadBlob {
  readonly size: number;
  readonly data: bigint | null;
}

interface ReadCondition {
  readonly fieldKey: RawGuid;
  readonly matchType: number;
  readonly conditionValue: ReadValue;
}

interface ReadFilter {
  readonly filterKey: RawGuid;
  readonly displayData: ReadDisplay;
  readonly flags: number;
  readonly providerKey: bigint | null;
  readonly providerData: ReadBlob;
  readonly layerKey: RawGuid;
  readonly subLayerKey: RawGuid;
  readonly weight: ReadValue;
  readonly numFilterConditions: number;
  readonly filterCondition: bigint | null;
  readonly action: { readonly type: number };
  readonly filterId: number | bigint;
  readonly effectiveWeight: ReadValue;
}

export function decodeFilter(memory: WfpMemory, address: Address<'object'>): FoundFilter {
  const raw = read<ReadFilter>(memory, address, 'FWPM_FILTER0');
  const found = {
    key: fromRawGuid(raw.filterKey),
    layer: fromRawGuid(raw.layerKey),
    sublayer: fromRawGuid(raw.subLayerKey),
    provider: decodeKey(memory, raw.providerKey),
    name: raw.displayData.name ?? '',
    flags: raw.flags,
    action: raw.action.type,
    id: BigInt(raw.filterId),
    effectiveWeight: decodeEffectiveWeight(memory, raw.effectiveWeight),
  };
  return { ...found, filter: asFilter(memory, raw, found) };
}

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

function asFilter(memory: WfpMemory, raw: ReadFilter, found: Found): Filter | undefined {
  const layer = LAYER_NAMES.get(found.layer);
  const lifetime = decodeLifetime(raw.flags);
  const action = decodeAction(raw.action.type);
  const weight = decodeWeight(memory, raw.weight);
  const conditions = decodeConditions(memory, raw);
  if ((raw.flags & ~SAYABLE) !== 0) return undefined;
  if (layer === undefined || lifetime === undefined || action === undefined) return undefined;
  if (weight === undefined || conditions === undefined) return undefined;
  return {
    ...decodeDisplay(raw.displayData),
    key: found.key,
    provider: found.provider,
    sublayer: found.sublayer,
    layer,
    lifetime,
    weight,
    conditions,
    action,
    hard: (raw.flags & FWPM_FILTER_FLAG.FWPM_FILTER_FLAG_CLEAR_ACTION_RIGHT) !== 0,
    data: decodeBlob(memory, raw.providerData),
  };
}

function decodeConditions(memory: WfpMemory, raw: ReadFilter): Condition[] | undefined {
  if (raw.numFilterConditions === 0) return [];
  if (raw.filterCondition === null) return undefined;
  const { koffi, type } = memory;
  const entries = koffi.decode(
    raw.filterCondition,
    type('FWPM_FILTER_CONDITION0'),
    raw.numFilterConditions,
  ) as ReadCondition[];
  const conditions: Condition[] = [];
  for (const { fieldKey, matchType, conditionValue } of entries) {
    const field = FIELD_NAMES.get(fromRawGuid(fieldKey));
    const match = MATCH_NAMES.get(matchType);
    const value = decodeValue(memory, conditionValue);
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

function decodeWeight(memory: WfpMemory, raw: ReadValue): Weight | undefined {
  const value = decodeValue(memory, raw);
  if (value?.type === 'empty') return { kind: 'auto' };
  if (value?.type === 'uint8') return { kind: 'class', value: value.value };
  return value?.type === 'uint64' ? { kind: 'exact', value: value.value } : undefined;
}

function decodeEffectiveWeight(memory: WfpMemory, raw: ReadValue): bigint | undefined {
  if (raw.type !== FWP_DATA_TYPE.FWP_UINT64) return undefined;
  const value = decodeValue(memory, raw);
  return value?.type === 'uint64' ? value.value : undefined;
}

export function decodeProvider(memory: WfpMemory, address: Address<'object'>): Provider {
  const raw = read<{
    providerKey: RawGuid;
    displayData: ReadDisplay;
    flags: number;
    providerData: ReadBlob;
    serviceName: string | null;
  }>(memory, address, 'FWPM_PROVIDER0');
  return {
    ...decodeDisplay(raw.displayData),
    key: fromRawGuid(raw.providerKey),
    lifetime: (raw.flags & FWPM_FLAG.FWPM_PROVIDER_FLAG_PERSISTENT) === 0 ? 'static' : 'persistent',
    data: decodeBlob(memory, raw.providerData),
    serviceName: raw.serviceName ?? undefined,
  };
}

export function decodeSublayer(memory: WfpMemory, address: Address<'object'>): Sublayer {
  const raw = read<{
    subLayerKey: RawGuid;
    displayData: ReadDisplay;
    flags: number;
    providerKey: bigint | null;
    providerData: ReadBlob;
    weight: number;
  }>(memory, address, 'FWPM_SUBLAYER0');
  return {
    ...decodeDisplay(raw.displayData),
    key: fromRawGuid(raw.subLayerKey),
    provider: decodeKey(memory, raw.providerKey),
    lifetime: (raw.flags & FWPM_FLAG.FWPM_SUBLAYER_FLAG_PERSISTENT) === 0 ? 'static' : 'persistent',
    data: decodeBlob(memory, raw.providerData),
    weight: raw.weight,
  };
}

export function decodeSession(memory: WfpMemory, address: Address<'object'>): Session {
  const raw = read<{
    sessionKey: RawGuid;
    displayData: ReadDisplay;
    flags: number;
    processId: number;
    username: string | null;
    kernelMode: number;
  }>(memory, address, 'FWPM_SESSION0');
  return {
    key: fromRawGuid(raw.sessionKey),
    name: raw.displayData.name ?? '',
    processId: raw.processId,
    username: raw.username ?? '',
    dynamic: (raw.flags & FWPM_FLAG.FWPM_SESSION_FLAG_DYNAMIC) !== 0,
    kernelMode: raw.kernelMode !== 0,
  };
}

/** Undefined for a kind of change that this code does not know. */
export function decodeChange(memory: WfpMemory, address: Address<'change'>): FilterChange | undefined {
  const raw = read<{ changeType: number; filterKey: RawGuid; filterId: number | bigint }>(
    memory,
    address,
    'FWPM_FILTER_CHANGE0',
  );
  const change = { key: fromRawGuid(raw.filterKey), id: BigInt(raw.filterId) };
  if (raw.changeType === FWPM_CHANGE.FWPM_CHANGE_ADD) return { kind: 'added', ...change };
  return raw.changeType === FWPM_CHANGE.FWPM_CHANGE_DELETE ? { kind: 'deleted', ...change } : undefined;
}

/** FWP_BYTE_BLOB behind an address. */
export function decodeBlobAt(memory: WfpMemory, address: Address<'blob'>): Buffer {
  return decodeBlob(memory, read<ReadBlob>(memory, address, 'FWP_BYTE_BLOB'));
}

function decodeKey(memory: WfpMemory, address: bigint | null): Guid | undefined {
  return address === null ? undefined : fromRawGuid(read<RawGuid>(memory, address, 'GUID'));
}

function decodeDisplay({ name, description }: ReadDisplay): Display {
  return { name: name ?? '', description: description ?? '' };
}

function read<Shape>({ koffi, type }: WfpMemory, address: bigint, name: string): Shape {
  return koffi.decode(address, type(name)) as Shape;
}
