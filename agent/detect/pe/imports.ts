import type { BoundedFile } from './bounded-file.js';
import type { PeHeaders } from './headers.js';

/** A program that another one needs. */
export interface PeImport {
  readonly module: string;
  /** Functions that are asked for, by name or number. */
  readonly functionCount: number;
  /** Names of those that have one. */
  readonly functions: readonly string[];
}

const MOST_MODULES = 1000;
/** Of all modules together. */
const MOST_FUNCTIONS = 20_000;
const LONGEST_NAME = 2048;
const ROW = 20;

export function readImports(file: BoundedFile, headers: PeHeaders): PeImport[] {
  const start = headers.imports && headers.offsetOf(headers.imports.address);
  const imports: PeImport[] = [];
  let left = MOST_FUNCTIONS;
  for (let index = 0; start !== undefined && index < MOST_MODULES && left > 0; index += 1) {
    const row = file.bytes(start + index * ROW, ROW);
    // A row without a name, or without functions, is the last one.
    const nameAt = row && headers.offsetOf(row.readUInt32LE(12));
    if (!row || nameAt === undefined || row.readUInt32LE(16) === 0) break;
    const module = file.text(nameAt, LONGEST_NAME);
    if (!module) continue;
    // The second table is filled with addresses when the program is loaded; some linkers write no first one.
    const table = headers.offsetOf(row.readUInt32LE(0) || row.readUInt32LE(16));
    const found = table === undefined ? NOTHING : readFunctions(file, headers, table, left);
    left -= found.functionCount;
    imports.push({ module, ...found });
  }
  return imports;
}

const NOTHING = { functionCount: 0, functions: [] };

function readFunctions(
  file: BoundedFile,
  headers: PeHeaders,
  table: number,
  most: number,
): Omit<PeImport, 'module'> {
  const width = headers.wide ? 8 : 4;
  const functions: string[] = [];
  let functionCount = 0;
  for (; functionCount < most; functionCount += 1) {
    const entry = file.bytes(table + functionCount * width, width);
    if (!entry || entry.every((byte) => byte === 0)) break;
    // The highest bit says that it is a number.
    if ((entry[width - 1] ?? 0) & 0x80) continue;
    const at = headers.offsetOf(entry.readUInt32LE(0));
    // Two bytes before the name are a hint where to find it.
    const name = at === undefined ? undefined : file.text(at + 2, LONGEST_NAME);
    if (name) functions.push(name);
  }
  return { functionCount, functions };
}
