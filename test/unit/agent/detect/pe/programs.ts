import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const TOOLS = 'x86_64-w64-mingw32-';

/** Whether programs for Windows can be made here. */
export const CAN_BUILD = spawnSync(`${TOOLS}gcc`, ['--version']).status === 0;

/** Strings of the version resource of the programs. */
export const VERSION = {
  Comments: 'Made for a test',
  CompanyName: 'Probe Company',
  FileDescription: 'Probe of a reader',
  FileVersion: '1.2.3.4',
  InternalName: 'probe',
  LegalCopyright: 'Copyright nobody',
  LegalTrademarks: 'None at all',
  OriginalFilename: 'original-probe.dll',
  PrivateBuild: 'private one',
  ProductName: 'Probe Product',
  ProductVersion: '5.6.7.8',
  SpecialBuild: 'special one',
} as const;

const RESOURCE = `1 VERSIONINFO
FILEVERSION 1,2,3,4
PRODUCTVERSION 5,6,7,8
BEGIN
  BLOCK "StringFileInfo"
  BEGIN
    BLOCK "040704b0"
    BEGIN
${Object.entries(VERSION)
  .map(([name, value]) => `      VALUE "${name}", "${value}"`)
  .join('\n')}
    END
  END
  BLOCK "VarFileInfo"
  BEGIN
    VALUE "Translation", 0x407, 1200
  END
END
`;

const SOURCE = `
#include <windows.h>
__declspec(dllexport) int probe_first(void) { return (int)GetTickCount(); }
__declspec(dllexport) void probe_second(void) { Sleep(1); }
BOOL WINAPI DllMainCRTStartup(HINSTANCE self, DWORD reason, LPVOID reserved) { return TRUE; }
void start(void) { ExitProcess(0); }
`;

/** The same in 32 bits: the compiler makes only 64, its assembler and its linker both. */
const SOURCE_32 = `
.text
.globl _probe_first
_probe_first: call _GetTickCount@0
 ret
.globl _DllMain
_DllMain: movl $1, %eax
 ret $12
.section .drectve
.ascii " -export:probe_first"
`;

export interface Programs {
  /** Library and program of 64 bits, library of 32 bits, driver. */
  readonly dll: string;
  readonly exe: string;
  readonly dll32: string;
  readonly driver: string;
}

/** Makes programs for Windows in a folder. @throws Error with what the compiler says */
export function buildPrograms(folder: string): Programs {
  const at = (name: string): string => join(folder, name);
  const tool = (name: string, ...args: string[]): string =>
    execFileSync(`${TOOLS}${name}`, args, { cwd: folder }).toString();
  writeFileSync(at('version.rc'), RESOURCE);
  writeFileSync(at('probe.c'), SOURCE);
  writeFileSync(at('probe.s'), SOURCE_32);
  writeFileSync(at('kernel32.def'), 'LIBRARY KERNEL32.dll\nEXPORTS\nGetTickCount@0\n');
  tool('windres', 'version.rc', 'version.o');
  tool('windres', '-F', 'pe-i386', 'version.rc', 'version32.o');
  const gcc = (...args: string[]): string =>
    tool(
      'gcc',
      '-O1',
      '-nostdlib',
      '-s',
      '-Wl,--insert-timestamp',
      ...args,
      'probe.c',
      'version.o',
      '-lkernel32',
    );
  gcc('-shared', '-o', 'probe.dll');
  gcc('-mconsole', '-Wl,-e,start', '-o', 'probe.exe');
  gcc('-Wl,--subsystem,native', '-Wl,-e,start', '-o', 'probe.sys');
  tool('as', '--32', 'probe.s', '-o', 'probe32.o');
  tool('dlltool', '-m', 'i386', '--as-flags=--32', '-k', '-d', 'kernel32.def', '-l', 'kernel32.a');
  // The script for 64 bits serves 32 as well but for the name of the format.
  const script = /={10,}\n([^]*?)={10,}/.exec(tool('ld', '--verbose'))?.[1] ?? '';
  writeFileSync(at('link32.x'), script.replace(/(pei?)-x86-64/g, '$1-i386'));
  tool(
    'ld',
    ...['-m', 'i386pe', '-T', 'link32.x', '--shared', '--subsystem', 'windows', '-e', '_DllMain'],
    ...['-o', 'probe32.dll', 'probe32.o', 'version32.o', 'kernel32.a'],
  );
  return { dll: at('probe.dll'), exe: at('probe.exe'), dll32: at('probe32.dll'), driver: at('probe.sys') };
}

/** Places in the headers of a program that tests change. */
export interface Layout {
  readonly bytes: Buffer;
  /** Place of the COFF header, behind `PE\0\0`. */
  readonly coff: number;
  /** Place of the address and the size of a table: 0 exports, 1 imports, 2 resources, 4 signatures. */
  readonly directory: (index: number) => number;
  /** Place in the file of what is at an address. */
  readonly offsetOf: (address: number) => number;
}

export function layoutOf(path: string): Layout {
  const bytes = readFileSync(path);
  const coff = bytes.readUInt32LE(60) + 4;
  const optional = coff + 20;
  const directories = optional + (bytes.readUInt16LE(optional) === 0x20b ? 112 : 96);
  const sections = optional + bytes.readUInt16LE(coff + 16);
  return {
    bytes,
    coff,
    directory: (index) => directories + 8 * index,
    offsetOf: (address) => {
      for (let at = sections; at < sections + 40 * bytes.readUInt16LE(coff + 2); at += 40) {
        const start = bytes.readUInt32LE(at + 12);
        if (address >= start && address < start + bytes.readUInt32LE(at + 16)) {
          return bytes.readUInt32LE(at + 20) + address - start;
        }
      }
      throw new Error(`nothing at ${address}`);
    },
  };
}
