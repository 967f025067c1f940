import type { Field } from '../../../enforce/iphlp/layout.js';
import type { Address } from '../../../windows/library.js';

/** Reads memory of this process that Windows has filled. The only part of it that pure code is given. */
export interface Memory {
  /** A copy of so many bytes. */
  bytes(address: bigint, length: number): Buffer;
  /** UTF-16 up to its zero; empty for no address. */
  text(address: bigint): string;
  addressOf(buffer: Buffer): bigint;
}

/** @throws Error where koffi cannot be loaded */
export async function nativeMemory(): Promise<Memory> {
  const { default: koffi } = await import('koffi');
  return {
    bytes: (address, length) =>
      Buffer.from(koffi.decode(address, koffi.array('uint8_t', length, 'Typed')) as Uint8Array),
    text: (address) => (address === 0n ? '' : (koffi.decode(address, 'char16_t', -1) as string)),
    addressOf: (buffer) => koffi.address(buffer),
  };
}

/** An address as Windows gave it; 0: none. */
export function plainAddress(address: Address | undefined): bigint {
  return address ?? 0n;
}

export function numberAt(bytes: Buffer, { offset, size }: Field): number {
  return bytes.readUIntLE(offset, size);
}

export function addressAt(bytes: Buffer, { offset }: Field): bigint {
  return bytes.readBigUInt64LE(offset);
}

/** Text that a field of fixed size holds, up to its zero. */
export function textAt(bytes: Buffer, { offset, size }: Field): string {
  const [content = ''] = bytes.toString('utf16le', offset, offset + size).split('\0');
  return content;
}

/**
 * Text that lies within a buffer which Windows has filled with addresses into itself.
 * @returns undefined where the address leads elsewhere, or the text has no end
 */
export function textWithin(buffer: Buffer, base: bigint, address: bigint): string | undefined {
  const offset = address - base;
  if (offset < 0n || offset >= BigInt(buffer.length)) return undefined;
  const start = Number(offset);
  for (let end = start; end + 1 < buffer.length; end += 2) {
    if (buffer.readUInt16LE(end) === 0) return buffer.toString('utf16le', start, end);
  }
  return undefined;
}

/** 1601 to 1970. */
const EPOCH_MS = 11_644_473_600_000;

/** A FILETIME (tenths of microseconds since 1601) in milliseconds since 1970 UTC; undefined: it says "never". */
export function fileTime(ticks: bigint): number | undefined {
  return ticks === 0n ? undefined : Number(ticks / 10_000n) - EPOCH_MS;
}
