import type { WfpMemory } from './library.js';
import { TYPE_NAMES } from './names.js';
import { sidLength } from '../../windows/sid.js';
import { copyBytes, StructBytes } from './struct-bytes.js';
import type { Value } from './types.js';

/**
 * @param from FWP_VALUE0 or FWP_CONDITION_VALUE0
 * @returns undefined for a type that types.ts has no word for, and for an address that is missing
 */
export function decodeValue(memory: WfpMemory, from: StructBytes): Value | undefined {
  const name = TYPE_NAMES.get(from.uint32('type'));
  const union = from.array('value');
  switch (name) {
    case undefined:
      return undefined;
    case 'empty':
      return { type: name };
    case 'uint8':
      return { type: name, value: union.readUInt8() };
    case 'uint16':
      return { type: name, value: union.readUInt16LE() };
    case 'uint32':
      return { type: name, value: union.readUInt32LE() };
    case 'int8':
      return { type: name, value: union.readInt8() };
    case 'int16':
      return { type: name, value: union.readInt16LE() };
    case 'int32':
      return { type: name, value: union.readInt32LE() };
    case 'float':
      return { type: name, value: union.readFloatLE() };
    case 'unicode-string': {
      const text = from.text('value');
      return text === null ? undefined : { type: name, value: text };
    }
    default: {
      const address = from.pointer('value');
      return address === null ? undefined : decodeBehind(memory, name, address);
    }
  }
}

type Behind =
  | 'uint64'
  | 'int64'
  | 'double'
  | 'byte-array16'
  | 'byte-array6'
  | 'byte-blob'
  | 'sid'
  | 'security-descriptor'
  | 'v4-mask'
  | 'v6-prefix'
  | 'range';

function decodeBehind(memory: WfpMemory, type: Behind, address: bigint): Value | undefined {
  switch (type) {
    case 'uint64':
      return { type, value: BigInt(memory.koffi.decode.uint64(address)) };
    case 'int64':
      return { type, value: BigInt(memory.koffi.decode.int64(address)) };
    case 'double':
      return { type, value: memory.koffi.decode.double(address) };
    case 'byte-array16':
      return { type, value: copyBytes(memory, address, 16) };
    case 'byte-array6':
      return { type, value: copyBytes(memory, address, 6) };
    case 'byte-blob':
    case 'security-descriptor':
      return { type, value: StructBytes.read(memory, 'FWP_BYTE_BLOB', address).asBlob() };
    case 'sid': {
      const [, subAuthorities = 0] = copyBytes(memory, address, 2);
      return { type, value: copyBytes(memory, address, sidLength(subAuthorities)) };
    }
    case 'v4-mask': {
      const network = StructBytes.read(memory, 'FWP_V4_ADDR_AND_MASK', address);
      return { type, address: network.uint32('addr'), mask: network.uint32('mask') };
    }
    case 'v6-prefix': {
      const network = StructBytes.read(memory, 'FWP_V6_ADDR_AND_MASK', address);
      return { type, address: network.array('addr'), prefix: network.uint8('prefixLength') };
    }
    case 'range': {
      const ends = StructBytes.read(memory, 'FWP_RANGE0', address);
      const low = decodeValue(memory, ends.struct('valueLow'));
      const high = decodeValue(memory, ends.struct('valueHigh'));
      return low === undefined || high === undefined ? undefined : { type, low, high };
    }
  }
}
