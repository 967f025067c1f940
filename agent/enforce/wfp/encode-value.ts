import { isWellFormedSecurityDescriptor } from '../../windows/security-descriptor.js';
import { isWellFormedSid } from '../../windows/sid.js';
import { TYPE_NUMBERS } from './names.js';
import type { Value } from './types.js';

/** FWP_VALUE0 or FWP_CONDITION_VALUE0, as koffi writes it. The union takes exactly one member. */
export interface RawValue {
  readonly type: number;
  readonly value: Readonly<Record<string, unknown>>;
}

const MAX_BLOB = 65_536;

const INTEGERS = {
  uint8: [0, 0xff],
  uint16: [0, 0xffff],
  uint32: [0, 0xffff_ffff],
  int8: [-0x80, 0x7f],
  int16: [-0x8000, 0x7fff],
  int32: [-0x8000_0000, 0x7fff_ffff],
} as const;

const LARGE_INTEGERS = {
  uint64: [0n, 0xffff_ffff_ffff_ffffn],
  int64: [-0x8000_0000_0000_0000n, 0x7fff_ffff_ffff_ffffn],
} as const;

/**
 * Everything is checked here, because koffi checks nothing: it cuts integers to their size and fills what is missing with
 * zeros, and a filter with zeros matches something else.
 * @param where the value stands, for the message: filter "DNS", condition 2 (IP_REMOTE_PORT)
 * @throws RangeError where the value is out of the range of its type
 */
export function encodeValue(value: Value, where: string): RawValue {
  return { type: TYPE_NUMBERS[value.type], value: memberOf(value, where) };
}

function memberOf(value: Value, where: string): Readonly<Record<string, unknown>> {
  switch (value.type) {
    case 'empty':
      return { address: null };
    case 'uint8':
    case 'uint16':
    case 'uint32':
    case 'int8':
    case 'int16':
    case 'int32':
      return { [value.type]: integer(value.value, value.type, where) };
    case 'uint64':
    case 'int64': {
      const [low, high] = LARGE_INTEGERS[value.type];
      if (typeof value.value !== 'bigint' || value.value < low || value.value > high) {
        throw outOfRange(where, value.value, `a bigint from ${low} to ${high}`);
      }
      // In an array: a bare bigint would be taken for an address.
      return { [value.type]: [value.value] };
    }
    case 'float':
      if (!Number.isFinite(value.value) || Math.fround(value.value) !== value.value) {
        throw outOfRange(where, value.value, 'a number that 32 bits hold exactly (Math.fround)');
      }
      return { float32: value.value };
    case 'double':
      if (!Number.isFinite(value.value)) throw outOfRange(where, value.value, 'a finite number');
      return { double64: [value.value] };
    case 'byte-array16':
      return { byteArray16: { byteArray16: bytes(value.value, 16, where) } };
    case 'byte-array6':
      return { byteArray6: { byteArray6: bytes(value.value, 6, where) } };
    case 'byte-blob':
      if (value.value.length === 0) throw new RangeError(`${where}: the blob must not be empty`);
      return { byteBlob: encodeBlob(value.value, where) };
    case 'sid':
      if (!isWellFormedSid(value.value))
        throw new RangeError(`${where}: the bytes are no SID in binary form`);
      return { sid: value.value };
    case 'security-descriptor':
      if (!isWellFormedSecurityDescriptor(value.value)) {
        throw new RangeError(`${where}: the bytes are no self-relative security descriptor`);
      }
      return { sd: encodeBlob(value.value, where) };
    case 'unicode-string':
      return { unicodeString: encodeText(value.value, where) };
    case 'v4-mask': {
      const mask = integer(value.mask, 'uint32', `${where}: mask`);
      if (!isContiguous(mask)) {
        throw outOfRange(where, `0x${mask.toString(16)}`, 'a mask of ones followed by zeros');
      }
      return { v4AddrMask: { addr: integer(value.address, 'uint32', `${where}: address`), mask } };
    }
    case 'v6-prefix':
      if (!Number.isInteger(value.prefix) || value.prefix < 0 || value.prefix > 128) {
        throw outOfRange(where, value.prefix, 'a length of prefix from 0 to 128');
      }
      return { v6AddrMask: { addr: bytes(value.address, 16, where), prefixLength: value.prefix } };
    case 'range':
      return { rangeValue: range(value.low, value.high, where) };
  }
}

/** @throws RangeError where it is longer than Windows takes */
export function encodeBlob(data: Buffer, where: string): { size: number; data: Buffer | null } {
  if (data.length > MAX_BLOB) {
    throw new RangeError(`${where}: ${data.length} bytes are more than ${MAX_BLOB}`);
  }
  return { size: data.length, data: data.length === 0 ? null : data };
}

/** @throws RangeError where it contains a zero, behind which Windows would not read on */
export function encodeText(text: string, where: string): string {
  if (text.includes('\0')) throw new RangeError(`${where}: the text contains a character of value 0`);
  return text;
}

/** @throws RangeError where it is not a whole number of that type */
export function integer(value: number, type: keyof typeof INTEGERS, where: string): number {
  const [low, high] = INTEGERS[type];
  if (!Number.isInteger(value) || value < low || value > high) {
    throw outOfRange(where, value, `a whole number from ${low} to ${high} (${type})`);
  }
  return value;
}

function range(low: Value, high: Value, where: string): { valueLow: RawValue; valueHigh: RawValue } {
  if (low.type !== high.type) {
    throw new RangeError(`${where}: the ends of the range are of two types, ${low.type} and ${high.type}`);
  }
  const raw = {
    valueLow: encodeValue(low, `${where}: lower end`),
    valueHigh: encodeValue(high, `${where}: upper end`),
  };
  const order = compare(low, high);
  if (order === undefined) throw new RangeError(`${where}: there are no ranges of ${low.type}`);
  if (order > 0) throw new RangeError(`${where}: the lower end of the range is above the upper one`);
  return raw;
}

/** Below zero: the first is the smaller one. Undefined: the type has no order. */
function compare(low: Value, high: Value): number | undefined {
  if (low.type === 'byte-array16' && high.type === 'byte-array16')
    return Buffer.compare(low.value, high.value);
  if (!('value' in low) || !('value' in high)) return undefined;
  if (typeof low.value === 'number' && typeof high.value === 'number') return low.value - high.value;
  if (typeof low.value === 'bigint' && typeof high.value === 'bigint') return low.value > high.value ? 1 : 0;
  return undefined;
}

function bytes(data: Buffer, length: number, where: string): Buffer {
  if (data.length !== length) throw outOfRange(where, `${data.length} bytes`, `${length} bytes`);
  return data;
}

/** What is left of it are ones only: adding one to them leaves no bit in common. */
function isContiguous(mask: number): boolean {
  const rest = ~mask;
  return (rest & (rest + 1)) === 0;
}

function outOfRange(where: string, value: unknown, wanted: string): RangeError {
  return new RangeError(`${where}: ${String(value)} is not ${wanted}`);
}
