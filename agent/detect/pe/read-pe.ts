import type { Value } from '../item.js';
import { BoundedFile } from './bounded-file.js';
import { readExports } from './exports.js';
import { readHeaders, type PeHeaders } from './headers.js';
import { readImports } from './imports.js';
import { readVersionStrings } from './version-info.js';

const PREFIX = 'FileItem/PEInfo/';
const VERSION = 'VersionInfoList/VersionInfoItem/';

/** Strings of a version resource that are terms. */
const VERSION_STRINGS = [
  'Comments',
  'CompanyName',
  'FileDescription',
  'FileVersion',
  'InternalName',
  'Language',
  'LegalCopyright',
  'LegalTrademarks',
  'OriginalFilename',
  'PrivateBuild',
  'ProductName',
  'ProductVersion',
  'SpecialBuild',
] as const;

/** Terms that `readPe` can tell. */
export const PE_TERMS: ReadonlySet<string> = new Set(
  [
    'PETimeStamp',
    'Type',
    'Subsystem',
    'BaseAddress',
    'Exports/DllName',
    'Exports/ExportsTimeStamp',
    'Exports/NumberOfFunctions',
    'Exports/NumberOfNames',
    'Exports/ExportedFunctions/string',
    'ImportedModules/Module/Name',
    'ImportedModules/Module/NumberOfFunctions',
    'ImportedModules/Module/ImportedFunctions/string',
    'Sections/NumberOfSections',
    'Sections/Section/Name',
    'DigitalSignature/SignatureExists',
    ...VERSION_STRINGS.map((name) => `${VERSION}${name}`),
  ].map((name) => `${PREFIX}${name}`),
);

/**
 * What the headers and tables of a Windows program say: the properties of `terms` that it has. Reads at most 16 MiB in
 * pieces of 16 KiB, whatever the file holds; exports and imports beyond 20,000 names are left out.
 * @param file open for reading
 * @param size of the file, bytes
 * @returns undefined when it is not a PE file
 * @throws Error of the file system when the file cannot be read
 */
export function readPe(
  file: number,
  size: number,
  terms: ReadonlySet<string>,
): ReadonlyMap<string, readonly Value[]> | undefined {
  const bounded = new BoundedFile(file, size);
  const headers = readHeaders(bounded);
  if (!headers) return undefined;
  const values = new Map<string, Set<Value>>();
  const add = (name: string, value: Value | undefined): void => {
    const term = `${PREFIX}${name}`;
    if (value === undefined || value === '' || !terms.has(term)) return;
    const known = values.get(term);
    if (known) known.add(value);
    else values.set(term, new Set([value]));
  };
  const asks = (part: string): boolean => [...terms].some((term) => term.startsWith(`${PREFIX}${part}`));
  addHeaders(headers, size, add);
  if (asks('Exports/')) addExports(bounded, headers, add);
  if (asks('ImportedModules/')) addImports(bounded, headers, add);
  if (asks('VersionInfoList/')) {
    for (const [name, value] of readVersionStrings(bounded, headers)) add(`${VERSION}${name}`, value);
  }
  return new Map([...values].map(([term, found]) => [term, [...found]]));
}

type Add = (name: string, value: Value | undefined) => void;

/** Subsystems as audits of FileItem write them. */
const SUBSYSTEMS: ReadonlyMap<number, string> = new Map([
  [1, 'Native'],
  [2, 'Windows_GUI'],
  [3, 'Windows_CUI'],
  [5, 'OS2_CUI'],
  [7, 'Posix_CUI'],
  [8, 'Native_Windows'],
  [9, 'Windows_CE_GUI'],
  [10, 'EFI_Application'],
  [11, 'EFI_Boot_Service_Driver'],
  [12, 'EFI_Runtime_Driver'],
  [13, 'EFI_ROM'],
  [14, 'XBOX'],
  [16, 'Windows_Boot_Application'],
]);
const NATIVE = 1;

function addHeaders(headers: PeHeaders, size: number, add: Add): void {
  add('PETimeStamp', headers.timeStamp);
  add('Type', typeOf(headers));
  add('Subsystem', SUBSYSTEMS.get(headers.subsystem) ?? 'Unknown');
  add('BaseAddress', headers.baseAddress);
  add('Sections/NumberOfSections', headers.sectionCount);
  for (const { name } of headers.sections) add('Sections/Section/Name', name);
  const { signatures } = headers;
  add('DigitalSignature/SignatureExists', !!signatures && signatures.address + signatures.size <= size);
}

function typeOf({ isDll, subsystem }: PeHeaders): string {
  if (isDll) return 'Dll';
  return subsystem === NATIVE ? 'Driver' : 'Executable';
}

function addExports(file: BoundedFile, headers: PeHeaders, add: Add): void {
  const exports = readExports(file, headers);
  if (!exports) return;
  add('Exports/DllName', exports.dllName);
  add('Exports/ExportsTimeStamp', exports.timeStamp);
  add('Exports/NumberOfFunctions', exports.functionCount);
  add('Exports/NumberOfNames', exports.nameCount);
  for (const name of exports.names) add('Exports/ExportedFunctions/string', name);
}

function addImports(file: BoundedFile, headers: PeHeaders, add: Add): void {
  for (const { module, functionCount, functions } of readImports(file, headers)) {
    add('ImportedModules/Module/Name', module);
    add('ImportedModules/Module/NumberOfFunctions', functionCount);
    for (const name of functions) add('ImportedModules/Module/ImportedFunctions/string', name);
  }
}
