import { toNamespacedPath } from 'node:path/win32';
import { caller, lastErrorCall, systemLibrary, WindowsError } from '../../../windows/library.js';
import { Accounts } from './accounts.js';
import { CONSTANTS } from './layout.js';
import { ownerIn } from './registry-calls.js';

/** What of a file only Windows itself tells. Each is asked for only where a document does. */
export interface FileFacts {
  /** For example `Hidden System Archive`. @throws WindowsError */
  attributes(path: string): string;
  /** SID of the owner. @throws WindowsError */
  owner(path: string): string;
  /** Names of an account, with its domain and without; none where Windows does not name it. */
  namesOf(sid: string): Promise<readonly string[]>;
}

/** Bits of FILE_ATTRIBUTE_*. */
export const ATTRIBUTES: readonly (readonly [bit: number, name: string])[] = [
  [0x1, 'ReadOnly'],
  [0x2, 'Hidden'],
  [0x4, 'System'],
  [0x10, 'Directory'],
  [0x20, 'Archive'],
  [0x40, 'Device'],
  [0x80, 'Normal'],
  [0x100, 'Temporary'],
  [0x200, 'SparseFile'],
  [0x400, 'ReparsePoint'],
  [0x800, 'Compressed'],
  [0x1000, 'Offline'],
  [0x2000, 'NotContentIndexed'],
  [0x4000, 'Encrypted'],
];
const LARGEST_OWNER = 512;

/** @throws Error on another platform */
export async function fileFacts(): Promise<FileFacts> {
  const [advapi, kernel32] = await Promise.all([
    systemLibrary('advapi32.dll'),
    systemLibrary('kernel32.dll'),
  ]);
  const lastError = lastErrorCall(kernel32);
  const getAttributes: (path: string) => number = caller(kernel32)(
    'uint32_t __stdcall GetFileAttributesW(str16)',
  );
  const getSecurity: (path: string, what: number, into: Buffer, size: number, needed: [number]) => number =
    caller(advapi)('int __stdcall GetFileSecurityW(str16, uint32_t, void *, uint32_t, _Out_ uint32_t *)');
  const accounts = new Accounts();
  return {
    attributes: (path) => {
      const bits = getAttributes(toNamespacedPath(path));
      if (bits === CONSTANTS.INVALID_FILE_ATTRIBUTES)
        throw new WindowsError('GetFileAttributesW', lastError());
      return attributesText(bits);
    },
    owner: (path) => {
      const descriptor = Buffer.alloc(LARGEST_OWNER);
      const what = CONSTANTS.OWNER_SECURITY_INFORMATION;
      if (getSecurity(toNamespacedPath(path), what, descriptor, descriptor.length, [0]) === 0)
        throw new WindowsError('GetFileSecurityW', lastError());
      return ownerIn(descriptor);
    },
    namesOf: (sid) => accounts.namesOf(sid),
  };
}

/** Names of the bits that are set, in the order of their numbers. */
export function attributesText(bits: number): string {
  return ATTRIBUTES.filter(([bit]) => (bits & bit) !== 0)
    .map(([, name]) => name)
    .join(' ');
}
