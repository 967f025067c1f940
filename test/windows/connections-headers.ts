import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CONSTANTS, type Layout } from '../../agent/enforce/iphlp/layout.js';
import { run, type RunResult } from '../net/site/run.js';

const HEADERS = ['winsock2.h', 'ws2tcpip.h', 'windows.h', 'iphlpapi.h', 'winsvc.h'];

/** Has the C compiler compare layouts and constants with the headers of Windows. Exit code 0: all agree. */
export async function compareWithHeaders(
  layouts: readonly Layout[],
  constants: Readonly<Record<string, number>> = CONSTANTS,
): Promise<RunResult> {
  const folder = mkdtempSync(join(tmpdir(), 'cordon-layout-'));
  try {
    const source = join(folder, 'layout.c');
    writeFileSync(source, sourceOf(layouts, constants));
    return await run('x86_64-w64-mingw32-gcc', ['-fsyntax-only', '-Wall', '-Werror', source]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function sourceOf(layouts: readonly Layout[], constants: Readonly<Record<string, number>>): string {
  const check = (expression: string): string => `_Static_assert(${expression}, "${expression}");`;
  return [
    '#define _WIN32_WINNT 0x0A00',
    ...HEADERS.map((header) => `#include <${header}>`),
    '#include <stddef.h>',
    ...Object.entries(constants).map(([name, value]) => check(`${name} == ${value}`)),
    ...layouts.flatMap(({ name, size, fields }) => [
      check(`sizeof(${name}) == ${size}`),
      ...Object.entries(fields).flatMap(([field, { offset, size: length }]) => [
        check(`offsetof(${name}, ${field}) == ${offset}`),
        check(`sizeof(((${name} *)0)->${field}) == ${length}`),
      ]),
    ]),
    '',
  ].join('\n');
}
