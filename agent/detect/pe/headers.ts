import type { BoundedFile } from './bounded-file.js';

/** A section of a program. */
export interface PeSection {
  readonly name: string;
  readonly address: number;
  readonly offset: number;
  /** Bytes of it in the file. */
  readonly size: number;
}

/** A table by its place in the program; for the table of signatures, in the file. */
export interface PeTable {
  readonly address: number;
  readonly size: number;
}

/** Headers of a program (Microsoft: PE Format). */
export interface PeHeaders {
  /** Milliseconds since 1970 UTC. Linkers may write any number here. */
  readonly timeStamp: number;
  readonly isDll: boolean;
  readonly subsystem: number;
  readonly baseAddress: number;
  /** Whether it is a program of 64 bits (PE32+). */
  readonly wide: boolean;
  /** What the header says; those that are there may be fewer. */
  readonly sectionCount: number;
  readonly sections: readonly PeSection[];
  readonly exports: PeTable | undefined;
  readonly imports: PeTable | undefined;
  readonly resources: PeTable | undefined;
  readonly signatures: PeTable | undefined;
  /** Place in the file of what lies at an address of the program; undefined: it is not in the file. */
  offsetOf(address: number): number | undefined;
}

/** Windows loads no more. */
const MOST_SECTIONS = 96;
const SECTION_SIZE = 40;
/** Windows rounds the place of a section in the file down to this. */
const SECTOR = 512;
const DLL = 0x2000;
const PE32 = 0x10b;
const PE32_PLUS = 0x20b;

/** Undefined: not a PE file. */
export function readHeaders(file: BoundedFile): PeHeaders | undefined {
  const dos = file.bytes(0, 64);
  if (dos?.toString('latin1', 0, 2) !== 'MZ') return undefined;
  const start = dos.readUInt32LE(60);
  const coff = file.bytes(start, 24);
  if (coff?.toString('latin1', 0, 4) !== 'PE\0\0') return undefined;
  const optionalSize = coff.readUInt16LE(20);
  const optional = file.bytes(start + 24, optionalSize);
  if (!optional || optionalSize < 96) return undefined;
  const magic = optional.readUInt16LE(0);
  const wide = magic === PE32_PLUS;
  if (!wide && magic !== PE32) return undefined;
  if (wide && optionalSize < 112) return undefined;
  const sectionCount = coff.readUInt16LE(6);
  const sections = readSections(file, start + 24 + optionalSize, Math.min(sectionCount, MOST_SECTIONS));
  const headerSize = optional.readUInt32LE(60);
  const table = (index: number): PeTable | undefined => tableIn(optional, wide ? 108 : 92, index);
  return {
    timeStamp: coff.readUInt32LE(8) * 1000,
    isDll: (coff.readUInt16LE(22) & DLL) !== 0,
    subsystem: optional.readUInt16LE(68),
    baseAddress: wide ? Number(optional.readBigUInt64LE(24)) : optional.readUInt32LE(28),
    wide,
    sectionCount,
    sections,
    exports: table(0),
    imports: table(1),
    resources: table(2),
    signatures: table(4),
    offsetOf: (address) => {
      const section = sections.find((one) => address >= one.address && address < one.address + one.size);
      if (section) return section.offset + address - section.address;
      return address < headerSize ? address : undefined;
    },
  };
}

function readSections(file: BoundedFile, start: number, count: number): PeSection[] {
  const sections: PeSection[] = [];
  for (let index = 0; index < count; index += 1) {
    const row = file.bytes(start + index * SECTION_SIZE, SECTION_SIZE);
    if (!row) break;
    const place = row.readUInt32LE(20);
    sections.push({
      name: row.toString('latin1', 0, 8).replace(/\0[^]*$/, ''),
      address: row.readUInt32LE(12),
      offset: place - (place % SECTOR),
      size: row.readUInt32LE(16),
    });
  }
  return sections;
}

/** @param countAt place of the number of tables, which come behind it */
function tableIn(optional: Buffer, countAt: number, index: number): PeTable | undefined {
  const at = countAt + 4 + index * 8;
  if (index >= optional.readUInt32LE(countAt) || at + 8 > optional.length) return undefined;
  const [address, size] = [optional.readUInt32LE(at), optional.readUInt32LE(at + 4)];
  return address === 0 || size === 0 ? undefined : { address, size };
}
