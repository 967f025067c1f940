import { caller, lastErrorCall, systemLibrary, type Handle } from './library.js';

/** INVALID_HANDLE_VALUE */
export const NO_HANDLE = -1;

type Out<T> = [T];

/** What pipes need of kernel32. Zero stands for failure where a call returns a number that is no handle. */
export interface PipeCalls {
  createNamedPipe(
    name: string,
    openMode: number,
    pipeMode: number,
    most: number,
    outBytes: number,
    inBytes: number,
    timeoutMs: number,
    security: Buffer,
  ): Handle;
  createFile(
    name: string,
    access: number,
    share: number,
    security: null,
    disposition: number,
    flags: number,
    template: Handle,
  ): Handle;
  connect(pipe: Handle, overlapped: Buffer): number;
  disconnect(pipe: Handle): number;
  read(pipe: Handle, into: Buffer, bytes: number, done: null, overlapped: Buffer): number;
  write(pipe: Handle, from: Buffer, bytes: number, done: null, overlapped: Buffer): number;
  result(pipe: Handle, overlapped: Buffer, bytes: Out<number>, wait: number): number;
  cancel(pipe: Handle, overlapped: Buffer): number;
  createEvent(security: null, manual: number, set: number, name: null): Handle;
  registerWait(
    wait: Out<Handle>,
    event: Handle,
    callback: bigint,
    context: number,
    timeoutMs: number,
    flags: number,
  ): number;
  closeHandle(handle: Handle): number;
  /** Only right after the call that failed. */
  lastError(): number;
  /** Registers what `registerWait` calls. For as long as the process lives. */
  onWait(run: (context: number) => void): bigint;
}

let loaded: Promise<PipeCalls> | undefined;

/** @throws Error on another platform */
export function pipeCalls(): Promise<PipeCalls> {
  return (loaded ??= load());
}

async function load(): Promise<PipeCalls> {
  const kernel = await systemLibrary('kernel32.dll');
  const { default: koffi } = await import('koffi');
  const waited = koffi.proto('void __stdcall cordon_pipe_waited(uintptr_t context, uint8_t timedOut)');
  const call = caller(kernel);
  return {
    createNamedPipe: call(
      'int64_t __stdcall CreateNamedPipeW(str16 name, uint32_t openMode, uint32_t pipeMode, uint32_t most, uint32_t outBytes, uint32_t inBytes, uint32_t timeout, const void *security)',
    ),
    createFile: call(
      'int64_t __stdcall CreateFileW(str16 name, uint32_t access, uint32_t share, const void *security, uint32_t disposition, uint32_t flags, int64_t template)',
    ),
    connect: call('int __stdcall ConnectNamedPipe(int64_t pipe, void *overlapped)'),
    disconnect: call('int __stdcall DisconnectNamedPipe(int64_t pipe)'),
    read: call(
      'int __stdcall ReadFile(int64_t pipe, void *into, uint32_t bytes, void *done, void *overlapped)',
    ),
    write: call(
      'int __stdcall WriteFile(int64_t pipe, const void *from, uint32_t bytes, void *done, void *overlapped)',
    ),
    result: call(
      'int __stdcall GetOverlappedResult(int64_t pipe, void *overlapped, _Out_ uint32_t *bytes, int wait)',
    ),
    cancel: call('int __stdcall CancelIoEx(int64_t pipe, void *overlapped)'),
    createEvent: call(
      'int64_t __stdcall CreateEventW(const void *security, int manual, int set, void *name)',
    ),
    registerWait: call(
      'int __stdcall RegisterWaitForSingleObject(_Out_ int64_t *wait, int64_t event, cordon_pipe_waited *callback, uintptr_t context, uint32_t timeout, uint32_t flags)',
    ),
    closeHandle: call('int __stdcall CloseHandle(int64_t handle)'),
    lastError: lastErrorCall(kernel),
    onWait: (run) => koffi.register(run, koffi.pointer(waited)),
  };
}
