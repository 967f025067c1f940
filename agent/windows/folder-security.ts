import { lstatSync, statSync } from 'node:fs';
import { win32 } from 'node:path';
import { FolderError } from '../folder-error.js';
import { distrust, type Guard } from './folder-trust.js';
import { WinError } from './error-codes.js';
import { lastErrorCall, systemLibrary, WindowsError, type Call } from './library.js';
import { processUser } from './process-identity.js';
import { readSecurity, type Security } from './security-descriptor.js';
import { attributesMaker } from './security-attributes.js';
import { sidText } from './sid.js';

/** Administrators own it; LocalSystem and Administrators may do everything; nothing is inherited from above, all below inherits. */
const OURS_ALONE = 'O:BAD:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)';
const OWNER_AND_DACL = 0x5;
/** A security descriptor holds lists of at most 64 KiB each. */
const LARGEST_DESCRIPTOR = 0x20000;

/** Folders of Windows and who may use them. */
export interface FolderSecurity {
  /** Makes a folder, and those above it that are missing, for LocalSystem and Administrators alone. One that is there stays as it is. */
  make(path: string): void;
  /**
   * @throws FolderError where somebody else may do what `guard` forbids, or may put another folder in its place; with
   * what to do
   */
  check(path: string, guard: Guard): void;
}

/** @throws WindowsError */
export async function folderSecurity(): Promise<FolderSecurity> {
  const [advapi, kernel] = await Promise.all([systemLibrary('advapi32.dll'), systemLibrary('kernel32.dll')]);
  const attributes = await attributesMaker();
  const lastError = lastErrorCall(kernel);
  const create = kernel.func('int __stdcall CreateDirectoryW(str16, const void *)') as Call;
  const getSecurity = advapi.func(
    'int __stdcall GetFileSecurityW(str16, uint32_t, _Out_ uint8_t *, uint32_t, _Out_ uint32_t *)',
  ) as Call;
  const mustWork = (call: string, answer: unknown): void => {
    if (answer === 0) throw new WindowsError(call, lastError());
  };
  const user = sidText(await processUser());

  const createOne = (path: string): void => {
    const ours = attributes(OURS_ALONE);
    try {
      if (create(path, ours.bytes) !== 0) return;
      const code = lastError();
      if (code === WinError.ALREADY_EXISTS && isFolder(path)) return;
      const hint = `${path} cannot be made; ${code === WinError.ACCESS_DENIED || code === WinError.INVALID_OWNER ? 'run it as Administrator' : 'see what is in its place'}`;
      throw new WindowsError('CreateDirectoryW', code, hint);
    } finally {
      ours.free();
    }
  };
  const securityOf = (path: string): Security => {
    const bytes = Buffer.alloc(LARGEST_DESCRIPTOR);
    mustWork('GetFileSecurityW', getSecurity(path, OWNER_AND_DACL, bytes, bytes.length, [0]));
    return readSecurity(bytes);
  };
  const make = (path: string): void => {
    if (isFolder(path)) return;
    const above = win32.dirname(path);
    if (above !== path) make(above);
    createOne(path);
  };
  return {
    make: (path) => make(win32.resolve(path)),
    check: (path, guard) => {
      const [folder, ...above] = placesOn(win32.resolve(path));
      for (const place of [folder, ...above]) {
        if (place === undefined) continue;
        const here = place === folder ? guard : 'irreplaceable';
        const problem = isLink(place) ? 'it leads to another place' : distrust(securityOf(place), here, user);
        if (problem !== undefined) throw new FolderError(place, problem, fix(place, place === folder));
      }
    },
  };
}

function fix(place: string, isItself: boolean): string {
  if (!isItself) return 'give the agent a folder below one that only administrators may change';
  return `see what is in it, then give it to Administrators: icacls "${place}" /setowner *S-1-5-32-544 /T, and icacls "${place}" /inheritance:r /grant:r *S-1-5-18:(OI)(CI)F *S-1-5-32-544:(OI)(CI)F`;
}

/** A folder and everything that it lies in, up to the root. */
function placesOn(folder: string): string[] {
  const above = win32.dirname(folder);
  return above === folder ? [folder] : [folder, ...placesOn(above)];
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

/** Junctions and symbolic links alike. */
function isLink(path: string): boolean {
  return lstatSync(path).isSymbolicLink();
}
