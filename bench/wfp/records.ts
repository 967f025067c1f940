import {
  FWP_ACTION,
  FWP_DATA_TYPE,
  FWP_MATCH_TYPE,
  FWPM_FILTER_FLAG,
} from '../../agent/enforce/wfp/constants.js';
import { FIELDS, LAYERS, type Guid } from '../../agent/enforce/wfp/guids.js';
import type { Condition, Filter, Match, Value } from '../../agent/enforce/wfp/types.js';

const NO_GUID = '00000000-0000-0000-0000-000000000000';
const TYPE = FWP_DATA_TYPE;

const MATCH: Partial<Record<Match, number>> = {
  equal: FWP_MATCH_TYPE.FWP_MATCH_EQUAL,
  range: FWP_MATCH_TYPE.FWP_MATCH_RANGE,
  'flags-all-set': FWP_MATCH_TYPE.FWP_MATCH_FLAGS_ALL_SET,
};

/** Filters, and the descriptor that each gets, as `peer.c` reads them. @throws RangeError for what no filter of a plan has */
export function recordsOf(filters: readonly Filter[], securityDescriptor: Buffer): Buffer {
  return Buffer.concat([sized(securityDescriptor), number(filters.length), ...filters.map(recordOf)]);
}

function recordOf(filter: Filter): Buffer {
  if (filter.weight.kind !== 'class') throw new RangeError(`weight ${filter.weight.kind}`);
  const { FWPM_FILTER_FLAG_PERSISTENT, FWPM_FILTER_FLAG_BOOTTIME, FWPM_FILTER_FLAG_CLEAR_ACTION_RIGHT } =
    FWPM_FILTER_FLAG;
  const lifetime = {
    static: 0,
    persistent: FWPM_FILTER_FLAG_PERSISTENT,
    'boot-time': FWPM_FILTER_FLAG_BOOTTIME,
  };
  const { FWP_ACTION_BLOCK, FWP_ACTION_PERMIT } = FWP_ACTION;
  return Buffer.concat([
    guidBytes(filter.key),
    guidBytes(filter.provider ?? NO_GUID),
    guidBytes(LAYERS[filter.layer]),
    guidBytes(filter.sublayer),
    number(lifetime[filter.lifetime] | (filter.hard ? FWPM_FILTER_FLAG_CLEAR_ACTION_RIGHT : 0)),
    number(filter.action === 'block' ? FWP_ACTION_BLOCK : FWP_ACTION_PERMIT),
    number(filter.weight.value),
    sized(text(filter.name)),
    sized(text(filter.description)),
    sized(filter.data),
    number(filter.conditions.length),
    ...filter.conditions.map(conditionOf),
  ]);
}

function conditionOf({ field, match, value }: Condition): Buffer {
  const matchType = MATCH[match];
  if (matchType === undefined) throw new RangeError(`match ${match}`);
  const { type, bytes } = valueOf(value);
  return Buffer.concat([guidBytes(FIELDS[field]), number(matchType), number(type), sized(bytes)]);
}

function valueOf(value: Value): { readonly type: number; readonly bytes: Buffer } {
  switch (value.type) {
    case 'uint8':
      return { type: TYPE.FWP_UINT8, bytes: Buffer.from([value.value]) };
    case 'uint16':
      return { type: TYPE.FWP_UINT16, bytes: number(value.value).subarray(0, 2) };
    case 'uint32':
      return { type: TYPE.FWP_UINT32, bytes: number(value.value) };
    case 'byte-array16':
      return { type: TYPE.FWP_BYTE_ARRAY16_TYPE, bytes: value.value };
    case 'byte-blob':
      return { type: TYPE.FWP_BYTE_BLOB_TYPE, bytes: value.value };
    case 'security-descriptor':
      return { type: TYPE.FWP_SECURITY_DESCRIPTOR_TYPE, bytes: value.value };
    case 'v4-mask':
      return {
        type: TYPE.FWP_V4_ADDR_MASK,
        bytes: Buffer.concat([number(value.address), number(value.mask)]),
      };
    case 'v6-prefix':
      return {
        type: TYPE.FWP_V6_ADDR_MASK,
        bytes: Buffer.concat([value.address, Buffer.from([value.prefix])]),
      };
    case 'range': {
      const [low, high] = [valueOf(value.low), valueOf(value.high)];
      return { type: TYPE.FWP_RANGE_TYPE, bytes: Buffer.concat([number(low.type), low.bytes, high.bytes]) };
    }
    default:
      throw new RangeError(`value ${value.type}`);
  }
}

function number(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value >>> 0);
  return bytes;
}

const sized = (bytes: Buffer): Buffer => Buffer.concat([number(bytes.length), bytes]);
const text = (content: string): Buffer => Buffer.from(`${content}\0`, 'utf16le');

/** Data1, Data2 and Data3 stand little-endian in memory. */
function guidBytes(key: Guid | typeof NO_GUID): Buffer {
  const bytes = Buffer.from(key.replaceAll('-', ''), 'hex');
  for (const [start, end] of [
    [0, 4],
    [4, 6],
    [6, 8],
  ] as const) {
    bytes.subarray(start, end).reverse();
  }
  return bytes;
}
