import { FWP_DATA_TYPE, FWP_MATCH_TYPE } from './constants.js';
import { FIELDS, LAYERS, type Field, type Guid, type Layer } from './guids.js';
import type { Match, Value } from './types.js';

/** The words of types.ts, and the numbers and GUIDs that Windows knows them by. */

export const TYPE_NUMBERS: Readonly<Record<Value['type'], number>> = {
  empty: FWP_DATA_TYPE.FWP_EMPTY,
  uint8: FWP_DATA_TYPE.FWP_UINT8,
  uint16: FWP_DATA_TYPE.FWP_UINT16,
  uint32: FWP_DATA_TYPE.FWP_UINT32,
  uint64: FWP_DATA_TYPE.FWP_UINT64,
  int8: FWP_DATA_TYPE.FWP_INT8,
  int16: FWP_DATA_TYPE.FWP_INT16,
  int32: FWP_DATA_TYPE.FWP_INT32,
  int64: FWP_DATA_TYPE.FWP_INT64,
  float: FWP_DATA_TYPE.FWP_FLOAT,
  double: FWP_DATA_TYPE.FWP_DOUBLE,
  'byte-array16': FWP_DATA_TYPE.FWP_BYTE_ARRAY16_TYPE,
  'byte-array6': FWP_DATA_TYPE.FWP_BYTE_ARRAY6_TYPE,
  'byte-blob': FWP_DATA_TYPE.FWP_BYTE_BLOB_TYPE,
  sid: FWP_DATA_TYPE.FWP_SID,
  'security-descriptor': FWP_DATA_TYPE.FWP_SECURITY_DESCRIPTOR_TYPE,
  'unicode-string': FWP_DATA_TYPE.FWP_UNICODE_STRING_TYPE,
  'v4-mask': FWP_DATA_TYPE.FWP_V4_ADDR_MASK,
  'v6-prefix': FWP_DATA_TYPE.FWP_V6_ADDR_MASK,
  range: FWP_DATA_TYPE.FWP_RANGE_TYPE,
};

export const MATCH_NUMBERS: Readonly<Record<Match, number>> = {
  equal: FWP_MATCH_TYPE.FWP_MATCH_EQUAL,
  greater: FWP_MATCH_TYPE.FWP_MATCH_GREATER,
  less: FWP_MATCH_TYPE.FWP_MATCH_LESS,
  'greater-or-equal': FWP_MATCH_TYPE.FWP_MATCH_GREATER_OR_EQUAL,
  'less-or-equal': FWP_MATCH_TYPE.FWP_MATCH_LESS_OR_EQUAL,
  range: FWP_MATCH_TYPE.FWP_MATCH_RANGE,
  'flags-all-set': FWP_MATCH_TYPE.FWP_MATCH_FLAGS_ALL_SET,
  'flags-any-set': FWP_MATCH_TYPE.FWP_MATCH_FLAGS_ANY_SET,
  'flags-none-set': FWP_MATCH_TYPE.FWP_MATCH_FLAGS_NONE_SET,
  'equal-case-insensitive': FWP_MATCH_TYPE.FWP_MATCH_EQUAL_CASE_INSENSITIVE,
  'not-equal': FWP_MATCH_TYPE.FWP_MATCH_NOT_EQUAL,
  prefix: FWP_MATCH_TYPE.FWP_MATCH_PREFIX,
  'not-prefix': FWP_MATCH_TYPE.FWP_MATCH_NOT_PREFIX,
};

export const TYPE_NAMES: ReadonlyMap<number, Value['type']> = reversed(TYPE_NUMBERS);
export const MATCH_NAMES: ReadonlyMap<number, Match> = reversed(MATCH_NUMBERS);
export const LAYER_NAMES: ReadonlyMap<Guid, Layer> = reversed(LAYERS);
export const FIELD_NAMES: ReadonlyMap<Guid, Field> = reversed(FIELDS);

function reversed<Name extends string, Number>(table: Readonly<Record<Name, Number>>): Map<Number, Name> {
  return new Map((Object.entries(table) as [Name, Number][]).map(([name, number]) => [number, name]));
}
