import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { FIELDS, LAYERS, type Guid } from '../../../agent/enforce/wfp/guids.js';
import { packageRoot } from '../../../shared/package-root.js';
import type { Need } from '../../net/site/it-needing.js';
import { must } from '../../net/site/run.js';

const COMPILER = 'x86_64-w64-mingw32-gcc';
/** Longest run of the compiler, milliseconds: a second, or half a minute while many tests run. */
const COMPILE_MS = 180_000;
const FOLDER = join(packageRoot, 'test', 'windows', 'bfe-double');
const SOURCES = join(FOLDER, 'src');
const PROGRAMS = join(FOLDER, 'programs');
const OUTPUT = join(packageRoot, 'dist', 'bfe-double');
const FLAGS = [
  '-std=gnu11',
  '-O1',
  '-Wall',
  '-Wextra',
  '-Werror',
  '-Wno-missing-field-initializers',
  '-D_WIN32_WINNT=0x0A00',
  '-municode',
];
const LIBRARIES = ['-lrpcrt4', '-ladvapi32', '-luuid'];

/** What compiling for Windows needs. */
export const mingw: Need = {
  met: spawnSync(COMPILER, ['--version']).status === 0,
  why: 'the compiler for Windows (Debian package gcc-mingw-w64-x86-64) is missing; run "npm run setup"',
};

/** What stands after a build; paths of Linux. */
export interface BuiltDouble {
  /** `fwpuclnt.dll`. */
  readonly library: string;
  /** Runs commands of the control without another program: `bfe-control.exe "reboot"`. */
  readonly control: string;
  /** Exercises the double from C: `bfe-test.exe CASE`. */
  readonly test: string;
  /** Prints nanoseconds a FwpmFilterAdd0: `bfe-bench.exe FILTERS`. */
  readonly bench: string;
}

/** `{0x…, 0x…, 0x…, {0x…, …}}` without the outer braces, as C initialises a GUID. */
function initialiser(key: Guid): string {
  const hex = key.replaceAll('-', '');
  const bytes = [...hex.slice(16).matchAll(/../g)].map(([byte]) => `0x${byte}`);
  return `{0x${hex.slice(0, 8)}, 0x${hex.slice(8, 12)}, 0x${hex.slice(12, 16)}, {${bytes.join(', ')}}}`;
}

/** Layers and fields of the binding as lists for the preprocessor: the double never types a GUID of its own. */
export function guidsHeader(): string {
  const fields = Object.entries(FIELDS).map(([name, key]) => `F(${name}, ${initialiser(key)})`);
  const layers = Object.entries(LAYERS).map(([name, key]) => {
    const [, base, version] = /^(\w+)_V([46])$/.exec(name) ?? [];
    return `F(${name}, ${base}, ${version === '6' ? 'TRUE' : 'FALSE'}, ${initialiser(key)})`;
  });
  const list = (name: string, rows: readonly string[]): string =>
    `#define ${name}(F) \\\n  ${rows.join(' \\\n  ')}\n`;
  return `/* Made by build.ts from agent/enforce/wfp/guids.ts. */\n${list('GENERATED_FIELDS', fields)}${list('GENERATED_LAYERS', layers)}`;
}

/** Runs the compiler for Windows. @throws Error with what it says */
export function compileForWindows(args: readonly string[]): void {
  must(COMPILER, args, '', COMPILE_MS);
}

function files(folder: string): string[] {
  return readdirSync(folder)
    .sort()
    .map((name) => join(folder, name));
}

/**
 * Compiles the double and its programs with the headers of mingw-w64, unless these sources were compiled before.
 * @throws Error with what the compiler says
 */
export function buildDouble(): BuiltDouble {
  const header = guidsHeader();
  const hash = createHash('sha256').update(header).update(FLAGS.join(' '));
  for (const file of [...files(SOURCES), ...files(PROGRAMS)]) hash.update(file).update(readFileSync(file));
  const folder = join(OUTPUT, hash.digest('hex').slice(0, 16));
  const built: BuiltDouble = {
    library: join(folder, 'fwpuclnt.dll'),
    control: join(folder, 'bfe-control.exe'),
    test: join(folder, 'bfe-test.exe'),
    bench: join(folder, 'bfe-bench.exe'),
  };
  if (existsSync(folder)) return built;
  mkdirSync(OUTPUT, { recursive: true });
  const temporary = mkdtempSync(join(OUTPUT, 'new-'));
  try {
    writeFileSync(join(temporary, 'guids.generated.h'), header);
    const at = (name: string): string => join(temporary, name);
    const flags = [...FLAGS, `-I${temporary}`, `-I${SOURCES}`];
    // The headers of Windows are long: they are read once, and every file is compiled by itself, within its deadline.
    compileForWindows([...flags, '-x', 'c-header', '-o', at('bfe.h.gch'), join(SOURCES, 'bfe.h')]);
    const compile = (source: string): string => {
      const object = at(`${basename(source)}.o`);
      compileForWindows([...flags, '-include', 'bfe.h', '-c', '-o', object, source]);
      return object;
    };
    const objects = files(SOURCES)
      .filter((file) => file.endsWith('.c'))
      .map(compile);
    compileForWindows([
      ...flags,
      '-shared',
      '-o',
      at('fwpuclnt.dll'),
      ...objects,
      join(SOURCES, 'fwpuclnt.def'),
      ...LIBRARIES,
    ]);
    for (const name of ['control', 'test', 'bench']) {
      const parts = files(PROGRAMS)
        .filter((file) => basename(file).startsWith(`bfe-${name}`) && file.endsWith('.c'))
        .map(compile);
      compileForWindows([...flags, '-o', at(`bfe-${name}.exe`), ...parts, at('fwpuclnt.dll'), ...LIBRARIES]);
    }
    // Another run may have been quicker: what it made is the same.
    if (!existsSync(folder)) renameSync(temporary, folder);
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
  return built;
}
