import type { WfpMemory } from './library.js';
import { TYPE_NAMES } from './names.js';
import { sidLength } from '../../windows/sid.js';
import type { Value } from './types.js';

/** FWP_VALUE0 or FWP_CONDITION_VALUE0, as koffi reads it: each member of the union shows the same memory. */
export interface ReadValue {
  readonly type: number;
  readonly value: Readonly<Record<string, unknown>>;
}

/** Undefined for a type that types.ts has no word for, and for an address that is missing. */
export function decodeValue(memory: WfpMemory, { type, value }: ReadValue): Value | undefined {
  const name = TYPE_NAMES.get(type);
  switch (name) {
    case undefined:
      return undefined;
    case 'empty':
      return { type: name };
    case 'uint8':
    case 'uint16':
    case 'uint32':
    case 'int8':
    case 'int16':
    case 'int32':
      return { type: name, value: value[name] as number };
    case 'float':
      return { type: name, value: value['float32'] as number };
    case 'unicode-string': {
      const text = value['unicodeString'] as string | null;
      return text === null ? undefined : { type: name, value: text };
    }
    default: {
      const address = value['address'] as bigint | null;
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
      return { type, value: copy(memory, address, 16) };
    case 'byte-array6':
      return { type, value: copy(memory, address, 6) };
    case 'byte-blob':
    case 'security-descriptor':
      return { type, value: decodeBlob(memory, read<Blob>(memory, address, 'FWP_BYTE_BLOB')) };
    case 'sid': {
      const [, subAuthorities = 0] = copy(memory, address, 2);
      return { type, value: copy(memory, address, sidLength(subAuthorities)) };
    }
    case 'v4-mask': {
      const { addr, mask } = read<{ addr: number; mask: number }>(memory, address, 'FWP_V4_ADDR_AND_MASK');
      return { type, address: addr, mask };
    }
    case 'v6-prefix':
      return { type, address: copy(memory, address, 16), prefix: memory.koffi.decode.uint8(address + 16n) };
    case 'range': {
      const raw = read<{ valueLow: ReadValue; valueHigh: ReadValue }>(memory, address, 'FWP_RANGE0');
      const low = decodeValue(memory, raw.valueLow);
      const high = decodeValue(memory, raw.valueHigh);
      return low === undefined || high === undefined ? undefined : { type, low, high };
    }
  }
}

interface Blob {
  readonly size: number;
  readonly data: bigint | null;
}

export function decodeBlob(memory: WfpMemory, { size, data }: Blob): Buffer {
  return data === null || size === 0 ? Buffer.alloc(0) : copy(memory, data, size);
}

function copy({ koffi }: WfpMemory, address: bigint, length: number): Buffer {
  return Buffer.from(koffi.decode(address, 'uint8_t', length) as Uint8Array);
}

function read<Shape>({ koffi, type }: WfpMemory, address: bigint, name: string): Shape {
  return koffi.decode(address, type(name)) as Shape;
}
