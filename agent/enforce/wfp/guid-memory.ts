import type { Guid } from './guids.js';

/** GUID of guiddef.h, as koffi writes it. */
export interface RawGuid {
  readonly Data1: number;
  readonly Data2: number;
  readonly Data3: number;
  /** 8 numbers. */
  readonly Data4: ArrayLike<number>;
}

export const ZERO_GUID = '00000000-0000-0000-0000-000000000000' as Guid;

/** The first three groups are numbers of the processor's byte order, the last two are bytes as written. */
export function toRawGuid(guid: Guid): RawGuid {
  return {
    Data1: Number.parseInt(guid.slice(0, 8), 16),
    Data2: Number.parseInt(guid.slice(9, 13), 16),
    Data3: Number.parseInt(guid.slice(14, 18), 16),
    Data4: Buffer.from(guid.slice(19, 23) + guid.slice(24), 'hex'),
  };
}

/** GUID of guiddef.h as it lies in memory. */
export function guidOf(bytes: Buffer, at: number): Guid {
  const first = bytes.readUInt32LE(at).toString(16).padStart(8, '0');
  const second = bytes
    .readUInt16LE(at + 4)
    .toString(16)
    .padStart(4, '0');
  const third = bytes
    .readUInt16LE(at + 6)
    .toString(16)
    .padStart(4, '0');
  const rest = bytes.toString('hex', at + 8, at + 16);
  return `${first}-${second}-${third}-${rest.slice(0, 4)}-${rest.slice(4)}` as Guid;
}
