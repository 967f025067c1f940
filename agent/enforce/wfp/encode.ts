import { FWP_ACTION, FWPM_FILTER_FLAG, FWPM_FLAG } from './constants.js';
import { encodeBlob, encodeText, encodeValue, integer, type RawValue } from './encode-value.js';
import { toRawGuid, ZERO_GUID, type RawGuid } from './guid-memory.js';
import { FIELDS, guid, LAYERS, type Field, type Guid, type Layer } from './guids.js';
import { MATCH_NUMBERS } from './names.js';
import { checkConditions, conditionName } from './schema.js';
import type { Condition, Display, Filter, Lifetime, Provider, Sublayer, Weight } from './types.js';

/**
 * From plain data to the objects that koffi writes into memory. The only place where such objects are made: every member is
 * given, and every value is checked before.
 */
export type Raw = Readonly<Record<string, unknown>>;

const EMPTY: RawValue = encodeValue({ type: 'empty' }, 'empty value');
const ZERO: RawGuid = toRawGuid(ZERO_GUID);
const RAW_LAYERS = rawGuids<Layer>(LAYERS);
const RAW_FIELDS = rawGuids<Field>(FIELDS);

/** @throws RangeError naming the provider and what is wrong */
export function encodeProvider(provider: Provider): Raw {
  const where = `provider "${provider.name}"`;
  return {
    providerKey: key(provider.key, where),
    displayData: display(provider, where),
    flags: provider.lifetime === 'persistent' ? FWPM_FLAG.FWPM_PROVIDER_FLAG_PERSISTENT : 0,
    providerData: encodeBlob(provider.data, `${where}: data`),
    serviceName:
      provider.serviceName === undefined ? null : encodeText(provider.serviceName, `${where}: service name`),
  };
}

/** @throws RangeError naming the sublayer and what is wrong */
export function encodeSublayer(sublayer: Sublayer): Raw {
  const where = `sublayer "${sublayer.name}"`;
  return {
    subLayerKey: key(sublayer.key, where),
    displayData: display(sublayer, where),
    flags: sublayer.lifetime === 'persistent' ? FWPM_FLAG.FWPM_SUBLAYER_FLAG_PERSISTENT : 0,
    providerKey: optionalKey(sublayer.provider, where),
    providerData: encodeBlob(sublayer.data, `${where}: data`),
    weight: integer(sublayer.weight, 'uint16', `${where}: weight`),
  };
}

/**
 * @throws RangeError naming the filter, the condition and what is wrong: what BFE would refuse without saying so, and what it
 *   would take otherwise than meant (schema.ts)
 */
export function encodeFilter(filter: Filter): Raw {
  checkConditions(filter);
  return encodeUnchecked(filter);
}

/** Without the look at what a layer and a field take: values of every type can be sent so. Ranges are checked all the same. */
export function encodeUnchecked(filter: Filter): Raw {
  const where = `filter "${filter.name}"`;
  return {
    filterKey: key(filter.key, where),
    displayData: display(filter, where),
    flags:
      lifetimeFlag(filter.lifetime) |
      (filter.hard ? FWPM_FILTER_FLAG.FWPM_FILTER_FLAG_CLEAR_ACTION_RIGHT : 0),
    providerKey: optionalKey(filter.provider, where),
    providerData: encodeBlob(filter.data, `${where}: data`),
    layerKey: RAW_LAYERS[filter.layer],
    // Zero would mean Windows' own sublayer, where ours has no say.
    subLayerKey: key(filter.sublayer, `${where}: sublayer`),
    weight: weight(filter.weight, where),
    numFilterConditions: filter.conditions.length,
    filterCondition:
      filter.conditions.length === 0
        ? null
        : filter.conditions.map((condition, index) => encodeCondition(condition, filter.name, index)),
    action: {
      type: filter.action === 'permit' ? FWP_ACTION.FWP_ACTION_PERMIT : FWP_ACTION.FWP_ACTION_BLOCK,
      filterType: ZERO,
    },
    context: { providerContextKey: ZERO },
    reserved: null,
    filterId: 0,
    effectiveWeight: EMPTY,
  };
}

function encodeCondition({ field, match, value }: Condition, filter: string, index: number): Raw {
  return {
    fieldKey: RAW_FIELDS[field],
    matchType: MATCH_NUMBERS[match],
    conditionValue: encodeValue(value, conditionName(filter, index, field)),
  };
}

function lifetimeFlag(lifetime: Lifetime): number {
  switch (lifetime) {
    case 'static':
      return 0;
    case 'persistent':
      return FWPM_FILTER_FLAG.FWPM_FILTER_FLAG_PERSISTENT;
    case 'boot-time':
      return FWPM_FILTER_FLAG.FWPM_FILTER_FLAG_BOOTTIME;
  }
}

const HIGHEST_CLASS = 15;

function weight(value: Weight, filter: string): RawValue {
  const where = `${filter}: weight`;
  switch (value.kind) {
    case 'auto':
      return EMPTY;
    case 'class':
      if (!Number.isInteger(value.value) || value.value < 0 || value.value > HIGHEST_CLASS) {
        throw new RangeError(`${where}: ${value.value} is not a class from 0 to ${HIGHEST_CLASS}`);
      }
      return encodeValue({ type: 'uint8', value: value.value }, where);
    case 'exact':
      return encodeValue({ type: 'uint64', value: value.value }, where);
  }
}

function display({ name, description }: Display, where: string): Raw {
  if (name === '') throw new RangeError(`${where}: Windows takes no object without a name`);
  return {
    name: encodeText(name, `${where}: name`),
    description: encodeText(description, `${where}: description`),
  };
}

function key(value: Guid, where: string): RawGuid {
  if (value === ZERO_GUID) throw new RangeError(`${where}: the key is zero`);
  return toRawGuid(guid(value));
}

function optionalKey(value: Guid | undefined, where: string): RawGuid | null {
  return value === undefined ? null : key(value, `${where}: provider`);
}

function rawGuids<Name extends string>(table: Readonly<Record<Name, Guid>>): Readonly<Record<Name, RawGuid>> {
  const entries = (Object.entries(table) as [Name, Guid][]).map(([name, value]) => [name, toRawGuid(value)]);
  return Object.fromEntries(entries) as Record<Name, RawGuid>;
}
