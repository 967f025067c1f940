import { caller, systemLibrary } from '../../../agent/windows/library.js';

const HKEY_CURRENT_USER = 0x8000_0001;
const HKEY_LOCAL_MACHINE = 0x8000_0002;
const ROOTS = { HKCU: HKEY_CURRENT_USER, HKLM: HKEY_LOCAL_MACHINE };
const KEY_WRITE_64 = 0x2_0106;

export interface RegistryWriter {
  /** Makes the key, and a value in it unless `name` is undefined. */
  set(root: 'HKCU' | 'HKLM', path: string, name?: string, type?: number, data?: Buffer): void;
}

/** Text as the registry keeps it. */
export function registryText(text: string): Buffer {
  return Buffer.from(`${text}\0`, 'utf16le');
}

export async function registryWriter(): Promise<RegistryWriter> {
  const call = caller(await systemLibrary('advapi32.dll'));
  const create: (...args: unknown[]) => number = call(
    'int32_t __stdcall RegCreateKeyExW(int64_t, str16, uint32_t, str16, uint32_t, uint32_t, void *, _Out_ int64_t *, void *)',
  );
  const setValue: (...args: unknown[]) => number = call(
    'int32_t __stdcall RegSetValueExW(int64_t, str16, uint32_t, uint32_t, void *, uint32_t)',
  );
  const close: (key: number) => number = call('int32_t __stdcall RegCloseKey(int64_t)');
  const must = (code: number): void => {
    if (code !== 0) throw new Error(`the registry cannot be written: ${code}`);
  };
  return {
    set: (root, path, name, type = 1, data = Buffer.alloc(0)) => {
      const key: [number] = [0];
      must(create(ROOTS[root], path, 0, null, 0, KEY_WRITE_64, null, key, null));
      try {
        if (name !== undefined) must(setValue(key[0], name, 0, type, data, data.length));
      } finally {
        close(key[0]);
      }
    },
  };
}
