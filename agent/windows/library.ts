import { win32 } from 'node:path';
import type { LibraryHandle } from 'koffi';

/** A HANDLE. Windows' handles are small numbers, also where pointers are not. */
export type Handle = number;
/** Address that Windows gave us. */
export type Address = bigint | null;
/** A function of Windows whose arguments nobody checks. */
export type Call = (...args: unknown[]) => unknown;

/** A call to Windows failed. The message names the call, the code and, where the caller knows, what to do. */
export class WindowsError extends Error {
  override readonly name = 'WindowsError';

  constructor(
    /** Function that failed. */
    readonly call: string,
    /** Code of winerror.h. */
    readonly code: number,
    hint = '',
  ) {
    super(`${call} failed with Windows error ${code}${hint === '' ? '' : `: ${hint}`}`);
  }
}

/** Folder of the system's own libraries. */
export function systemFolder(): string {
  return win32.join(process.env['SystemRoot'] ?? 'C:\\Windows', 'System32');
}

/**
 * Loads a library of Windows from the system folder, by its whole path: a file of the same name beside the program or in
 * the search path is never taken.
 * @param name for example `advapi32.dll`
 * @param path another place, for tests
 * @throws Error where there is no such library, or koffi cannot be loaded
 */
export async function systemLibrary(
  name: string,
  path = win32.join(systemFolder(), name),
): Promise<LibraryHandle> {
  const { default: koffi } = await import('koffi');
  return koffi.load(path);
}

/** Declares functions of a library; the caller says what they look like in TypeScript. */
export function caller(library: LibraryHandle): <F>(prototype: string) => F {
  return <F>(prototype: string) => library.func(prototype) as unknown as F;
}

/** GetLastError. Only right after the call that failed: whatever is called next may change the code. */
export function lastErrorCall(kernel: LibraryHandle): () => number {
  return caller(kernel)('uint32_t __stdcall GetLastError()');
}
