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

const LONGEST_PATH = 32_768;
let folder: Promise<string> | undefined;

/**
 * Folder of the system's own libraries, as Windows says: in the environment any program of the same user may write another.
 * @throws Error on another platform
 */
export function systemFolder(): Promise<string> {
  return (folder ??= askForFolder());
}

async function askForFolder(): Promise<string> {
  const { default: koffi } = await import('koffi');
  // Every process has this one already, and Windows looks there before it looks at any folder.
  const ask = koffi
    .load('kernel32.dll')
    .func('uint32_t __stdcall GetSystemDirectoryW(_Out_ uint8_t *, uint32_t)') as (
    into: Buffer,
    size: number,
  ) => number;
  const path = Buffer.alloc(2 * LONGEST_PATH);
  const length = ask(path, LONGEST_PATH);
  if (length === 0 || length >= LONGEST_PATH) throw new Error('GetSystemDirectoryW names no folder');
  return path.toString('utf16le', 0, 2 * length);
}

/**
 * Loads a library of Windows from the system folder, by its whole path: a file of the same name beside the program or in
 * the search path is never taken.
 * @param name for example `advapi32.dll`
 * @param path another place, for tests
 * @throws Error where there is no such library, or koffi cannot be loaded
 */
export async function systemLibrary(name: string, path?: string): Promise<LibraryHandle> {
  const { default: koffi } = await import('koffi');
  return koffi.load(path ?? win32.join(await systemFolder(), name));
}

/** Declares functions of a library; the caller says what they look like in TypeScript. */
export function caller(library: LibraryHandle): <F>(prototype: string) => F {
  return <F>(prototype: string) => library.func(prototype) as unknown as F;
}

/** GetLastError. Only right after the call that failed: whatever is called next may change the code. */
export function lastErrorCall(kernel: LibraryHandle): () => number {
  return caller(kernel)('uint32_t __stdcall GetLastError()');
}
