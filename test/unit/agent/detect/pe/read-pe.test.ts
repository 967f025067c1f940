import {
  closeSync,
  ftruncateSync,
  mkdtempSync,
  openSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import fc from 'fast-check';
import type { Item, Value } from '../../../../../agent/detect/item.js';
import { versionStrings } from '../../../../../agent/detect/pe/version-info.js';
import { PE_TERMS, readPe } from '../../../../../agent/detect/pe/read-pe.js';
import { itNeeding } from '../../../../net/site/it-needing.js';
import { itTellsEveryTerm } from '../collect/term-check.js';
import { buildPrograms, CAN_BUILD, layoutOf, VERSION, type Layout, type Programs } from './programs.js';

type Found = ReadonlyMap<string, readonly Value[]> | undefined;

if (!CAN_BUILD) {
  itNeeding({ met: false, why: 'there is no gcc-mingw-w64-x86-64' }, 'reads programs for Windows', () =>
    Promise.resolve(),
  );
}

(CAN_BUILD ? describe : describe.skip)('reading programs for Windows', function () {
  let folder: string;
  let programs: Programs;
  let scratch: number;

  before(function () {
    this.timeout(60_000);
    folder = mkdtempSync(join(tmpdir(), 'cordon-pe-'));
    programs = buildPrograms(folder);
    scratch = openSync(join(folder, 'scratch'), 'w+');
  });

  after(() => {
    closeSync(scratch);
    rmSync(folder, { recursive: true });
  });

  const read = (path: string, terms = PE_TERMS): Found => {
    const file = openSync(path, 'r');
    try {
      return readPe(file, statSync(path).size, terms);
    } finally {
      closeSync(file);
    }
  };
  const itemOf = (path: string): Item => ({
    type: 'FileItem',
    values: read(path) ?? new Map<string, Value[]>(),
  });
  const readBytes = (bytes: Uint8Array, size = bytes.length): Found => {
    ftruncateSync(scratch, 0);
    writeSync(scratch, bytes, 0, bytes.length, 0);
    return readPe(scratch, size, PE_TERMS);
  };
  const of = (found: Found, property: string): readonly Value[] | undefined =>
    found?.get(`FileItem/PEInfo/${property}`);
  const now = (value: Value): boolean => Math.abs(Number(value) - Date.now()) < 120_000;
  const version = Object.fromEntries(
    Object.entries(VERSION).map(([name, value]) => [`PEInfo/VersionInfoList/VersionInfoItem/${name}`, value]),
  );

  describe('of 64 bits', () => {
    itTellsEveryTerm({ terms: PE_TERMS }, () =>
      Promise.resolve({
        item: itemOf(programs.dll),
        known: {
          'PEInfo/PETimeStamp': now,
          'PEInfo/Type': 'Dll',
          'PEInfo/Subsystem': 'Windows_CUI',
          'PEInfo/BaseAddress': (value) => Number(value) > 0x1_0000_0000 && Number(value) % 0x1_0000 === 0,
          'PEInfo/Exports/DllName': 'probe.dll',
          'PEInfo/Exports/ExportsTimeStamp': now,
          'PEInfo/Exports/NumberOfFunctions': (value) => Number(value) >= 2,
          'PEInfo/Exports/NumberOfNames': (value) => Number(value) >= 2,
          'PEInfo/Exports/ExportedFunctions/string': 'probe_second',
          'PEInfo/ImportedModules/Module/Name': 'KERNEL32.dll',
          'PEInfo/ImportedModules/Module/NumberOfFunctions': 3,
          'PEInfo/ImportedModules/Module/ImportedFunctions/string': 'GetTickCount',
          'PEInfo/Sections/NumberOfSections': (value) => Number(value) >= 4,
          'PEInfo/Sections/Section/Name': '.rsrc',
          'PEInfo/DigitalSignature/SignatureExists': false,
          'PEInfo/VersionInfoList/VersionInfoItem/Language': 'German (Germany)',
          ...version,
        },
      }),
    );

    it('tells a program and a driver from a library', () => {
      expect(of(read(programs.exe), 'Type')).to.deep.equal(['Executable']);
      expect(of(read(programs.exe), 'Subsystem')).to.deep.equal(['Windows_CUI']);
      expect(of(read(programs.driver), 'Type')).to.deep.equal(['Driver']);
      expect(of(read(programs.driver), 'Subsystem')).to.deep.equal(['Native']);
    });
  });

  describe('of 32 bits', () => {
    const terms = [...PE_TERMS].filter((term) => !/SignatureExists/.test(term));

    itTellsEveryTerm({ terms: new Set(terms) }, () =>
      Promise.resolve({
        item: itemOf(programs.dll32),
        known: {
          'PEInfo/PETimeStamp': now,
          'PEInfo/Type': 'Dll',
          'PEInfo/Subsystem': 'Windows_GUI',
          'PEInfo/BaseAddress': 0x1000_0000,
          'PEInfo/Exports/DllName': 'probe32.dll',
          'PEInfo/Exports/ExportsTimeStamp': now,
          'PEInfo/Exports/NumberOfFunctions': 1,
          'PEInfo/Exports/NumberOfNames': 1,
          'PEInfo/Exports/ExportedFunctions/string': 'probe_first',
          'PEInfo/ImportedModules/Module/Name': 'KERNEL32.dll',
          'PEInfo/ImportedModules/Module/NumberOfFunctions': 1,
          'PEInfo/ImportedModules/Module/ImportedFunctions/string': 'GetTickCount',
          'PEInfo/Sections/NumberOfSections': (value) => Number(value) >= 4,
          'PEInfo/Sections/Section/Name': '.text',
          'PEInfo/VersionInfoList/VersionInfoItem/Language': 'German (Germany)',
          ...version,
        },
      }),
    );
  });

  it('sees a table of signatures, and one that lies outside of the file for none', () => {
    const { bytes, directory } = layoutOf(programs.dll);
    bytes.writeUInt32LE(bytes.length - 100, directory(4));
    bytes.writeUInt32LE(100, directory(4) + 4);
    expect(of(readBytes(bytes), 'DigitalSignature/SignatureExists')).to.deep.equal([true]);
    bytes.writeUInt32LE(101, directory(4) + 4);
    expect(of(readBytes(bytes), 'DigitalSignature/SignatureExists')).to.deep.equal([false]);
  });

  it('looks only for what is asked', () => {
    const term = 'FileItem/PEInfo/Exports/DllName';
    expect([...(read(programs.dll, new Set([term, 'FileItem/Md5sum'])) ?? [])]).to.deep.equal([
      [term, ['probe.dll']],
    ]);
  });

  it('knows other files for what they are', () => {
    expect(read(process.execPath)).to.equal(undefined);
    for (const content of ['', 'MZ', `MZ${'\0'.repeat(100)}`]) {
      expect(readBytes(Buffer.from(content)), JSON.stringify(content)).to.equal(undefined);
    }
    const dos = Buffer.alloc(64);
    dos.write('MZ');
    for (const start of [0, 60, 64, 0x7fff_ffff, 0xffff_ffff]) {
      dos.writeUInt32LE(start, 60);
      expect(readBytes(dos)).to.equal(undefined);
    }
  });

  describe('made to do harm', () => {
    /** A program with room behind it for tables of any kind, as one more part of its last section. */
    const roomy = (bytes: number): Layout & { readonly room: number; readonly roomAddress: number } => {
      const layout = layoutOf(programs.dll);
      const count = layout.bytes.readUInt16LE(layout.coff + 2);
      const last = layout.coff + 20 + layout.bytes.readUInt16LE(layout.coff + 16) + 40 * (count - 1);
      const room = layout.bytes.length;
      const place = layout.bytes.readUInt32LE(last + 20);
      const all = Buffer.concat([layout.bytes, Buffer.alloc(bytes)]);
      all.writeUInt32LE(all.length - place, last + 16);
      return {
        ...layout,
        bytes: all,
        room,
        roomAddress: layout.bytes.readUInt32LE(last + 12) + room - place,
      };
    };
    const quickly = <T>(work: () => T): T => {
      const start = performance.now();
      const result = work();
      expect(performance.now() - start, 'milliseconds').to.be.below(2000);
      return result;
    };

    it('is read in bounded time and memory when a billion names stand for the same long text', () => {
      const { bytes, room, roomAddress, directory, offsetOf } = roomy(300_000);
      const table = offsetOf(bytes.readUInt32LE(directory(0)));
      bytes.writeUInt32LE(0x4000_0000, table + 24);
      bytes.writeUInt32LE(roomAddress, table + 32);
      bytes.fill('A', room + 200_000, room + 202_000);
      for (let index = 0; index < 50_000; index += 1)
        bytes.writeUInt32LE(roomAddress + 200_000, room + index * 4);
      const found = quickly(() => readBytes(bytes));
      expect(of(found, 'Exports/NumberOfNames')).to.deep.equal([0x4000_0000]);
      expect(of(found, 'Exports/ExportedFunctions/string')).to.deep.equal(['A'.repeat(2000)]);
    });

    it('is read in bounded time when its imports do not end', () => {
      const { bytes, room, roomAddress, directory } = roomy(400_000);
      bytes.writeUInt32LE(roomAddress, directory(1));
      bytes.write('endless.dll\0', room + 399_000);
      for (let at = room; at < room + 390_000; at += 20) {
        bytes.writeUInt32LE(roomAddress + 399_000, at + 12);
        bytes.writeUInt32LE(roomAddress, at + 16);
      }
      const found = quickly(() => readBytes(bytes));
      expect(of(found, 'ImportedModules/Module/Name')).to.deep.equal(['endless.dll']);
      const counts = (of(found, 'ImportedModules/Module/NumberOfFunctions') ?? []).map(Number);
      expect(Math.max(...counts)).to.be.at.most(20_000);
    });

    it('is read in bounded time when its resources lie within each other', () => {
      const { bytes, room, roomAddress, directory } = roomy(100_000);
      bytes.writeUInt32LE(roomAddress, directory(2));
      bytes.writeUInt16LE(4000, room + 14);
      for (let index = 0; index < 4000; index += 1) {
        bytes.writeUInt32LE(16, room + 16 + index * 8);
        bytes.writeUInt32LE(0x8000_0000, room + 20 + index * 8);
      }
      const found = quickly(() => readBytes(bytes));
      expect(of(found, 'Type')).to.deep.equal(['Dll']);
      expect(of(found, 'VersionInfoList/VersionInfoItem/ProductName')).to.equal(undefined);
    });

    it('has the sections that are there, however many it claims', () => {
      const { bytes, coff } = layoutOf(programs.dll);
      const before = of(readBytes(bytes), 'Sections/Section/Name')?.length ?? 0;
      bytes.writeUInt16LE(65_535, coff + 2);
      const found = quickly(() => readBytes(bytes));
      expect(of(found, 'Sections/NumberOfSections')).to.deep.equal([65_535]);
      expect(of(found, 'Sections/Section/Name')?.length).to.be.within(before, 96);
    });

    it('does no harm when it becomes shorter while it is read', () => {
      const { bytes } = layoutOf(programs.dll);
      for (let length = 0; length < bytes.length; length += 97)
        readBytes(bytes.subarray(0, length), bytes.length);
      expect(of(readBytes(bytes), 'Type')).to.deep.equal(['Dll']);
    });

    it('may have blocks of any length in its version', () => {
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 300 }), (noise) => {
          const head = Buffer.alloc(40);
          head.writeUInt16LE(340);
          head.write('VS_VERSION_INFO', 6, 'utf16le');
          versionStrings(Buffer.concat([head, noise]));
          versionStrings(Buffer.from(noise));
        }),
        { numRuns: 2000 },
      );
    });

    it('never makes the reader fail or linger, whatever is changed in it', function () {
      this.timeout(60_000);
      const bases = [programs.dll, programs.dll32, programs.exe].map((path) => layoutOf(path));
      const number = fc.oneof(
        fc.constantFrom(0, 1, 0xff, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 0x1000, 0x2000),
        fc.integer({ min: 0, max: 0xffff_ffff }),
      );
      const change = fc.record({
        // Most of what decides is in the headers and at the beginning of each table.
        where: fc.oneof(
          fc.record({ table: fc.constant(-1), offset: fc.nat(1024) }),
          fc.record({ table: fc.constantFrom(0, 1, 2), offset: fc.nat(400) }),
          fc.record({ table: fc.constant(-1), offset: fc.nat(20_000) }),
        ),
        number,
        width: fc.constantFrom(1, 2, 4),
      });
      let told = 0;
      fc.assert(
        fc.property(
          fc.nat(bases.length - 1),
          fc.array(change, { minLength: 1, maxLength: 12 }),
          fc.option(fc.nat(20_000)),
          (which, changes, cut) => {
            const base = bases[which];
            if (!base) return;
            const bytes = Buffer.from(base.bytes);
            for (const { where, number: value, width } of changes) {
              const start =
                where.table < 0 ? 0 : base.offsetOf(base.bytes.readUInt32LE(base.directory(where.table)));
              const at = start + where.offset;
              if (at + width <= bytes.length) bytes.writeUIntLE(value % 2 ** (8 * width), at, width);
            }
            const found = quickly(() => readBytes(cut === null ? bytes : bytes.subarray(0, cut)));
            if (found) told += 1;
          },
        ),
        { numRuns: 1500 },
      );
      expect(told, 'programs that were still read').to.be.above(100);
    });
  });

  it('costs little of a file of a terabyte', () => {
    const { bytes } = layoutOf(programs.dll);
    writeFileSync(join(folder, 'sparse'), bytes);
    const file = openSync(join(folder, 'sparse'), 'r+');
    ftruncateSync(file, 2 ** 40);
    const found = readPe(file, 2 ** 40, PE_TERMS);
    closeSync(file);
    expect(of(found, 'Exports/DllName')).to.deep.equal(['probe.dll']);
  });
});
