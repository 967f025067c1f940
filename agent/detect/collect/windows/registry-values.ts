import { CONSTANTS } from './layout.js';
import type { RawValue } from './registry-calls.js';

/** Names of REG_* in the order of their numbers. */
export const VALUE_TYPES = [
  'REG_NONE',
  'REG_SZ',
  'REG_EXPAND_SZ',
  'REG_BINARY',
  'REG_DWORD',
  'REG_DWORD_BIG_ENDIAN',
  'REG_LINK',
  'REG_MULTI_SZ',
  'REG_RESOURCE_LIST',
  'REG_FULL_RESOURCE_DESCRIPTOR',
  'REG_RESOURCE_REQUIREMENTS_LIST',
  'REG_QWORD',
] as const;

/** For example `REG_SZ`; a type that nobody has named by its number. */
export function registryType(type: number): string {
  return VALUE_TYPES[type] ?? `REG_${type}`;
}

/**
 * What a value holds, as text: numbers in decimal, bytes as lower-case hex digits, several texts of a list. A number whose
 * length is wrong, and a type that nobody has named, are bytes. Empty where it holds nothing.
 */
export function registryTexts({ type, data }: Pick<RawValue, 'type' | 'data'>): string[] {
  if (data === undefined) return [];
  switch (type) {
    case CONSTANTS.REG_SZ:
    case CONSTANTS.REG_EXPAND_SZ:
    case CONSTANTS.REG_LINK:
      return [wide(data).replace(/\0+$/, '')];
    case CONSTANTS.REG_MULTI_SZ:
      return wide(data)
        .split('\0')
        .filter((text) => text !== '');
    case CONSTANTS.REG_DWORD:
      return [data.length === 4 ? String(data.readUInt32LE()) : data.toString('hex')];
    case CONSTANTS.REG_DWORD_BIG_ENDIAN:
      return [data.length === 4 ? String(data.readUInt32BE()) : data.toString('hex')];
    case CONSTANTS.REG_QWORD:
      return [data.length === 8 ? String(data.readBigUInt64LE()) : data.toString('hex')];
    default:
      return [data.toString('hex')];
  }
}

/** A byte too many, which nothing forbids, is none of a character. */
function wide(data: Buffer): string {
  return data.toString('utf16le', 0, data.length - (data.length % 2));
}
