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

export function fromRawGuid({ Data1, Data2, Data3, Data4 }: RawGuid): Guid {
  const group = (number: number, digits: number) => number.toString(16).padStart(digits, '0');
  const bytes = Buffer.from(Array.from(Data4)).toString('hex');
  return `${group(Data1, 8)}-${group(Data2, 4)}-${group(Data3, 4)}-${bytes.slice(0, 4)}-${bytes.slice(4)}` as Guid;
}
