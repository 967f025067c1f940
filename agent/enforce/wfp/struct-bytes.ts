import type { TypeObject } from 'koffi';
import { guidOf } from './guid-memory.js';
import type { Guid } from './guids.js';
import type { WfpMemory } from './library.js';

/**
 * A structure in BFE's memory, copied in one piece and read by the offsets of its layout. koffi's own way makes an object
 * of every member, of unions too, which costs twenty times as much: thousands of filters are read back while nobody may
 * wait. Only what stands behind an address is still BFE's.
 */
export class StructBytes {
  private constructor(
    private readonly memory: WfpMemory,
    private readonly type: TypeObject,
    private readonly bytes: Buffer,
    /** Of this structure within the bytes. */
    private readonly start: number,
    /** Of the first of the bytes. */
    private readonly address: bigint,
  ) {}

  /** @param name in layout.ts */
  static read(memory: WfpMemory, name: string, address: bigint): StructBytes {
    const type = memory.type(name);
    return new StructBytes(memory, type, copyBytes(memory, address, type.size), 0, address);
  }

  /** `length` of them, one after the other. */
  static readArray(memory: WfpMemory, name: string, address: bigint, length: number): StructBytes[] {
    const type = memory.type(name);
    const bytes = copyBytes(memory, address, type.size * length);
    return Array.from(
      { length },
      (_, index) => new StructBytes(memory, type, bytes, type.size * index, address),
    );
  }

  /** A structure that is a member of this one. */
  struct(member: string): StructBytes {
    const { type } = this.member(member);
    return new StructBytes(this.memory, type, this.bytes, this.at(member), this.address);
  }

  uint8(member: string): number {
    return this.bytes.readUInt8(this.at(member));
  }

  uint16(member: string): number {
    return this.bytes.readUInt16LE(this.at(member));
  }

  uint32(member: string): number {
    return this.bytes.readUInt32LE(this.at(member));
  }

  uint64(member: string): bigint {
    return this.bytes.readBigUInt64LE(this.at(member));
  }

  /** Null for none. */
  pointer(member: string): bigint | null {
    const address = this.uint64(member);
    return address === 0n ? null : address;
  }

  guid(member: string): Guid {
    return guidOf(this.bytes, this.at(member));
  }

  /** The text that the member points to; null for none. */
  text(member: string): string | null {
    const at = this.address + BigInt(this.at(member));
    return this.memory.koffi.decode(at, 'str16') as string | null;
  }

  /** Bytes of an array, or of a union that is to be read as its type says. */
  array(member: string): Buffer {
    const at = this.at(member);
    return this.bytes.subarray(at, at + this.member(member).type.size);
  }

  /** FWP_BYTE_BLOB with what it points to. */
  blob(member: string): Buffer {
    return this.struct(member).asBlob();
  }

  /** The same of this structure itself. */
  asBlob(): Buffer {
    const size = this.uint32('size');
    const data = this.pointer('data');
    return data === null || size === 0 ? Buffer.alloc(0) : copyBytes(this.memory, data, size);
  }

  private at(member: string): number {
    return this.start + this.member(member).offset;
  }

  private member(name: string): { readonly type: TypeObject; readonly offset: number } {
    const member = this.type.members?.[name];
    if (member === undefined) throw new RangeError(`layout.ts has no ${this.type.name}.${name}`);
    return member;
  }
}

export function copyBytes({ koffi }: WfpMemory, address: bigint, length: number): Buffer {
  const copy = koffi.decode(address, 'uint8_t', length) as Uint8Array;
  return Buffer.from(copy.buffer, copy.byteOffset, copy.byteLength);
}
