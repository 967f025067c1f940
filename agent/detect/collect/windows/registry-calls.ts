import { WinError } from '../../../windows/error-codes.js';
import { caller, systemLibrary, WindowsError } from '../../../windows/library.js';
import { sidAt, sidText } from '../../../windows/sid.js';
import { CONSTANTS } from './layout.js';
import { fileTime } from './memory.js';

/** Roots of the registry, by the names that people write. The other roots are views of these two. */
export type RootKey = 'HKEY_LOCAL_MACHINE' | 'HKEY_USERS';

const HKEY_LOCAL_MACHINE = 0x8000_0002;
const HKEY_USERS = 0x8000_0003;
const ROOTS: Readonly<Record<RootKey, number>> = { HKEY_LOCAL_MACHINE, HKEY_USERS };

export interface KeyInfo {
  readonly subKeys: number;
  readonly values: number;
  /** Milliseconds since 1970 UTC. */
  readonly modified: number | undefined;
}

export interface RawValue {
  readonly name: string;
  /** REG_SZ and so on. */
  readonly type: number;
  /** Bytes that it has. */
  readonly length: number;
  /** Undefined: it is longer than is ever read. */
  readonly data: Buffer | undefined;
}

/** A key that is open. Every method throws WindowsError where Windows refuses. */
export interface RegistryKey {
  info(): KeyInfo;
  /** Undefined: there are no more. */
  subKey(index: number): string | undefined;
  value(index: number): RawValue | undefined;
  /** SID of its owner. */
  owner(): string;
  close(): void;
}

export interface RegistryCalls {
  /** Undefined: there is no such key. @throws WindowsError where it may not be read */
  open(root: RootKey, path: string): RegistryKey | undefined;
}

/** Longest name of a value and of a key, characters [Registry element size limits]. */
const LONGEST_VALUE_NAME = 16_384;
const LONGEST_KEY_NAME = 256;
/** Most that is read of one value, bytes. */
export const LARGEST_VALUE = 1024 * 1024;
const LARGEST_OWNER = 512;

type Out<T> = [T];
type EnumValue = (
  key: number,
  index: number,
  name: Buffer,
  characters: Out<number>,
  reserved: null,
  type: Out<number>,
  data: Buffer,
  size: Out<number>,
) => number;
type QueryInfo = (key: number, ...rest: unknown[]) => number;

/**
 * The registry as 64-bit programs see it.
 * @throws Error on another platform
 */
export async function registryCalls(): Promise<RegistryCalls> {
  const call = caller(await systemLibrary('advapi32.dll'));
  const open: (root: number, path: string, options: number, access: number, key: Out<number>) => number =
    call('int32_t __stdcall RegOpenKeyExW(int64_t, str16, uint32_t, uint32_t, _Out_ int64_t *)');
  const close: (key: number) => number = call('int32_t __stdcall RegCloseKey(int64_t)');
  const queryInfo: QueryInfo = call(
    'int32_t __stdcall RegQueryInfoKeyW(int64_t, void *, void *, void *, _Out_ uint32_t *, void *, void *, _Out_ uint32_t *, void *, void *, void *, _Out_ uint64_t *)',
  );
  const enumKey: (
    key: number,
    index: number,
    name: Buffer,
    characters: Out<number>,
    ...rest: null[]
  ) => number = call(
    'int32_t __stdcall RegEnumKeyExW(int64_t, uint32_t, void *, _Inout_ uint32_t *, void *, void *, void *, void *)',
  );
  const enumValue: EnumValue = call(
    'int32_t __stdcall RegEnumValueW(int64_t, uint32_t, void *, _Inout_ uint32_t *, void *, _Out_ uint32_t *, void *, _Inout_ uint32_t *)',
  );
  const getSecurity: (key: number, what: number, into: Buffer, size: Out<number>) => number = call(
    'int32_t __stdcall RegGetKeySecurity(int64_t, uint32_t, void *, _Inout_ uint32_t *)',
  );
  const name = Buffer.alloc(2 * LONGEST_VALUE_NAME);
  const data = Buffer.alloc(LARGEST_VALUE);

  const keyOf = (key: number): RegistryKey => ({
    info: () => {
      const [subKeys, values, modified]: [Out<number>, Out<number>, Out<number | bigint>] = [[0], [0], [0]];
      mustWork(
        'RegQueryInfoKeyW',
        queryInfo(key, null, null, null, subKeys, null, null, values, null, null, null, modified),
      );
      return { subKeys: subKeys[0], values: values[0], modified: fileTime(BigInt(modified[0])) };
    },
    subKey: (index) => {
      const characters: Out<number> = [LONGEST_KEY_NAME];
      const code = enumKey(key, index, name, characters, null, null, null, null);
      if (code === WinError.NO_MORE_ITEMS) return undefined;
      mustWork('RegEnumKeyExW', code);
      return name.toString('utf16le', 0, 2 * characters[0]);
    },
    value: (index) => {
      const characters: Out<number> = [LONGEST_VALUE_NAME];
      const [type, size]: [Out<number>, Out<number>] = [[0], [data.length]];
      const code = enumValue(key, index, name, characters, null, type, data, size);
      if (code === WinError.NO_MORE_ITEMS) return undefined;
      const isLong = code === WinError.MORE_DATA && size[0] > data.length;
      if (!isLong) mustWork('RegEnumValueW', code);
      return {
        name: name.toString('utf16le', 0, 2 * characters[0]),
        type: type[0],
        length: size[0],
        data: isLong ? undefined : Buffer.from(data.subarray(0, size[0])),
      };
    },
    owner: () => {
      const descriptor = Buffer.alloc(LARGEST_OWNER);
      mustWork(
        'RegGetKeySecurity',
        getSecurity(key, CONSTANTS.OWNER_SECURITY_INFORMATION, descriptor, [descriptor.length]),
      );
      return ownerIn(descriptor);
    },
    close: () => void close(key),
  });

  return {
    open: (root, path) => {
      const key: Out<number> = [0];
      const access = CONSTANTS.KEY_READ | CONSTANTS.KEY_WOW64_64KEY;
      const code = open(ROOTS[root], path, 0, access, key);
      if (code === WinError.FILE_NOT_FOUND || code === WinError.PATH_NOT_FOUND) return undefined;
      mustWork('RegOpenKeyExW', code);
      return keyOf(key[0]);
    },
  };
}

/** Offset of the owner in a self-relative security descriptor. */
const OWNER_AT = 4;

/**
 * SID of the owner that a self-relative security descriptor names.
 * @throws RangeError where it names none
 */
export function ownerIn(descriptor: Buffer): string {
  return sidText(sidAt(descriptor, descriptor.readUInt32LE(OWNER_AT)));
}

function mustWork(call: string, code: number): void {
  if (code !== WinError.SUCCESS) throw new WindowsError(call, code);
}
