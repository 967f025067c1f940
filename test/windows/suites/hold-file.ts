import { caller, systemLibrary } from '../../../agent/windows/library.js';

const GENERIC_READ = 0x8000_0000;
const OPEN_EXISTING = 3;
const SHARED_WITH_NOBODY = 0;

/** Opens a file so that nobody else can, as some programs do. @returns lets it go */
export async function holdFile(path: string): Promise<() => void> {
  const call = caller(await systemLibrary('kernel32.dll'));
  const open: (...args: unknown[]) => number = call(
    'int64_t __stdcall CreateFileW(str16, uint32_t, uint32_t, void *, uint32_t, uint32_t, void *)',
  );
  const close: (handle: number) => number = call('int __stdcall CloseHandle(int64_t)');
  const handle = open(path, GENERIC_READ, SHARED_WITH_NOBODY, null, OPEN_EXISTING, 0, null);
  if (handle === -1) throw new Error(`${path} cannot be held`);
  return () => void close(handle);
}

/** @param attributes FILE_ATTRIBUTE_* */
export async function setAttributes(path: string, attributes: number): Promise<void> {
  const set: (path: string, attributes: number) => number = caller(await systemLibrary('kernel32.dll'))(
    'int __stdcall SetFileAttributesW(str16, uint32_t)',
  );
  if (set(path, attributes) === 0) throw new Error(`attributes of ${path} cannot be set`);
}
