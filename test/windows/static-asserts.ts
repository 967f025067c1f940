import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import koffi, { type TypeObject } from 'koffi';
import { koffiTypes } from '../../agent/enforce/wfp/koffi-types.js';
import type { Layout } from '../../agent/enforce/iphlp/layout.js';
import type { Field, Layouts } from '../../agent/enforce/wfp/layout.js';
import { compileForWindows } from './bfe-double/build.js';

/** What we and koffi think of structures, put to the compiler that has the real headers. */

const COMPILER = 'x86_64-w64-mingw32-gcc';

/** Windows 10, the oldest that the agent runs on. */
const VERSION = ['-D_WIN32_WINNT=0x0A00', '-DNTDDI_VERSION=0x0A000000'];
const FLAGS = [...VERSION, '-std=c11'];

/** koffi's names of types are global: each set of layouts gets its own. */
let made = 0;

/**
 * A C file that compiles only if every size and offset in it is that of the headers.
 * @param layouts of which koffi's types are built, whose sizes and offsets are asserted
 * @param headers for example `['fwpmu.h']`, in the order in which they are included
 */
export function staticAsserts(layouts: Layouts, headers: readonly string[]): string {
  const types = koffiTypes(koffi, layouts, `Assert${made++}_`);
  const lines = Object.entries(layouts).flatMap(([name, fields]) => {
    const type = types.get(name);
    if (type === undefined) throw new Error(`koffi has no type of ${name}`);
    return [assertion(`sizeof(${name})`, type.size), ...assertsOfFields(name, type, fields)];
  });
  return source(headers, lines);
}

/** The same for structures whose sizes and offsets we have written down. */
export function layoutAsserts(layouts: readonly Layout[], headers: readonly string[]): string {
  const lines = layouts.flatMap(({ name, size, fields }) => [
    assertion(`sizeof(${name})`, size),
    ...Object.entries(fields).flatMap(([field, place]) => [
      assertion(`offsetof(${name}, ${field})`, place.offset),
      assertion(`sizeof(((${name} *)0)->${field})`, place.size),
    ]),
  ]);
  return source(headers, lines);
}

/** The same for numbers by their names in the headers: enumerators and macros. */
export function constantAsserts(
  constants: Readonly<Record<string, number>>,
  headers: readonly string[],
): string {
  return expressionAsserts(Object.entries(constants), headers);
}

/** The same for any expressions of C that are whole numbers. */
export function expressionAsserts(
  values: readonly (readonly [expression: string, value: number])[],
  headers: readonly string[],
): string {
  return source(
    headers,
    values.map(([expression, value]) => assertion(`(unsigned long long)(unsigned)(${expression})`, value)),
  );
}

/** Undefined: it compiles. Else what the compiler says. */
export function compile(code: string): string | undefined {
  const [, headers = '', rest = ''] = /^((?:#include .*\n)*)([^]*)$/.exec(code) ?? [];
  const folder = precompiled(headers);
  const file = join(folder, 'assert.c');
  writeFileSync(file, rest);
  const words = [...FLAGS, '-include', join(folder, 'all.h'), '-fsyntax-only', file];
  const { status, stderr } = spawnSync(COMPILER, words, { encoding: 'utf8' });
  return status === 0 ? undefined : stderr;
}

/** Folders by the headers that are compiled in them: most of what a compilation takes. */
const folders = new Map<string, string>();

function precompiled(headers: string): string {
  const there = folders.get(headers);
  if (there !== undefined) return there;
  const folder = mkdtempSync(join(tmpdir(), 'cordon-assert-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  folders.set(headers, folder);
  const file = join(folder, 'all.h');
  writeFileSync(file, headers);
  compileForWindows([...FLAGS, '-x', 'c-header', '-o', `${file}.gch`, file]);
  return folder;
}

/** Every macro that the headers define, with its text. */
export function macros(headers: readonly string[]): ReadonlyMap<string, string> {
  const { stdout } = spawnSync(COMPILER, [...VERSION, '-E', '-dM', '-x', 'c', '-'], {
    encoding: 'utf8',
    input: includes(headers),
    maxBuffer: 64 * 1024 * 1024,
  });
  return new Map(
    [...stdout.matchAll(/^#define (\w+) (.*)$/gm)].map(([, name = '', text = '']) => [name, text]),
  );
}

function assertsOfFields(struct: string, type: TypeObject, fields: readonly Field[], base = 0): string[] {
  return fields.flatMap((field) => {
    const member = type.members?.[field.name];
    if (member === undefined) throw new Error(`koffi's ${struct} has no ${field.name}`);
    const offset = base + member.offset;
    if (typeof field.type === 'object' && 'union' in field.type) {
      return assertsOfFields(struct, member.type, field.type.union, offset);
    }
    if (field.ours) return [];
    return [
      assertion(`offsetof(${struct}, ${field.name})`, offset),
      assertion(`sizeof(((${struct} *)0)->${field.name})`, field.headerSize ?? member.type.size),
    ];
  });
}

function assertion(expression: string, value: number): string {
  return `_Static_assert(${expression} == ${value}u, "${expression} is not ${value}");`;
}

function source(headers: readonly string[], lines: readonly string[]): string {
  return `${includes(headers)}${lines.join('\n')}\n`;
}

function includes(headers: readonly string[]): string {
  // Its order matters to the headers of sockets, and theirs to those of addresses.
  const all = ['winsock2.h', 'windows.h', 'stddef.h', ...headers];
  return all.map((header) => `#include <${header}>\n`).join('');
}
