import type { LibraryHandle } from 'koffi';
import { WinError } from './error-codes.js';
import { lastErrorCall, systemLibrary, WindowsError } from './library.js';
import { accepted, encodeStatus, meaningOf, type ServiceState } from './service-status.js';

/** A program that the service control manager starts, stops and tells about the computer. */
export interface HostedService {
  /** Resolves when the work has begun; a rejection ends the service with an error, after which its recovery actions begin it anew. */
  start(): Promise<void>;
  /** Ends the work in good order. */
  stop(): Promise<void>;
  /** The computer came back from a suspend. */
  resumed(): void;
  /** A call that the service needs failed; it goes on. */
  failed(error: unknown): void;
}

/** How the hosting ended. */
export type Hosted =
  | { readonly kind: 'stopped' }
  /** The work could not begin, or nobody started this process as a service. */
  | { readonly kind: 'failed'; readonly error: unknown };

/** How often the service control manager hears that something that takes longer is still going on, milliseconds. */
const CHECKPOINT_EVERY_MS = 2_000;
/** After that a start counts as begun: its manager waits no longer, and takes no stop before. */
const LONGEST_START_MS = 20_000;
/** A stop that takes longer is given up: what is enforced stays enforced anyway. */
const LONGEST_STOP_MS = 15_000;
/** A dispatcher without a service control manager ends by itself, sooner or later. */
const LOOK_EVERY_MS = 200;
const STILL_ACTIVE = 259;

/**
 * Runs a service in this process until it is stopped. The dispatcher blocks its thread for as long as the service lives, so it
 * gets one of its own, made by Windows: neither the event loop nor a thread of libuv's pool waits for it. Its callbacks
 * come through the event loop.
 */
export async function hostService(name: string, service: HostedService): Promise<Hosted> {
  const calls = await loadCalls();
  return new Promise((resolve) => new Host(name, service, calls, resolve).begin());
}

class Host {
  private status: bigint | undefined;
  private checkpoint = 0;
  private state: ServiceState = 'start-pending';
  private pending: NodeJS.Timeout | undefined;
  private watching: NodeJS.Timeout | undefined;
  private beginning: Promise<void> = Promise.resolve();
  private stopping = false;

  constructor(
    private readonly name: string,
    private readonly service: HostedService,
    private readonly calls: Calls,
    private readonly done: (hosted: Hosted) => void,
  ) {}

  begin(): void {
    const thread = this.calls.dispatch(this.name, () => this.main());
    // The timer keeps the process alive until the service control manager has answered.
    this.watching = setInterval(() => {
      if (this.calls.exitCode(thread) === STILL_ACTIVE || this.status !== undefined) return;
      this.finish({
        kind: 'failed',
        error: new WindowsError(
          'StartServiceCtrlDispatcherW',
          WinError.FAILED_SERVICE_CONTROLLER_CONNECT,
          'this command is for the service control manager; run "cordon-agent service install", or "cordon-agent run" in a console',
        ),
      });
    }, LOOK_EVERY_MS);
  }

  /** ServiceMain: returns at once, the service lives on. */
  private main(): void {
    try {
      this.status = this.calls.register(this.name, (control, kind) => this.control(control, kind));
      this.enter('start-pending');
    } catch (error) {
      this.finish({ kind: 'failed', error });
      return;
    }
    this.beginning = this.service.start();
    const longest = setTimeout(() => this.started(), LONGEST_START_MS);
    this.beginning
      .then(
        () => this.started(),
        (error: unknown) => void this.end({ kind: 'failed', error }),
      )
      .finally(() => clearTimeout(longest));
  }

  private started(): void {
    if (this.state === 'start-pending') this.enter('running');
  }

  /** HandlerEx. Whatever it does, Windows waits for its answer: nothing here takes long. */
  private control(control: number, kind: number): number {
    switch (meaningOf(control, kind)) {
      case 'stop':
        void this.end({ kind: 'stopped' });
        return WinError.SUCCESS;
      case 'resumed':
        this.service.resumed();
        return WinError.SUCCESS;
      case 'nothing':
        return WinError.SUCCESS;
      case 'unknown':
        return WinError.CALL_NOT_IMPLEMENTED;
    }
  }

  private async end(hosted: Hosted): Promise<void> {
    if (this.stopping) return;
    this.stopping = true;
    this.enter('stop-pending');
    let longest: NodeJS.Timeout | undefined;
    const patience = new Promise<void>((resolve) => {
      longest = setTimeout(resolve, LONGEST_STOP_MS);
    });
    const work = this.beginning.then(
      () => this.service.stop(),
      () => undefined,
    );
    await Promise.race([work.catch((error: unknown) => this.service.failed(error)), patience]);
    clearTimeout(longest);
    this.enter('stopped', hosted.kind === 'failed' ? WinError.SERVICE_SPECIFIC_ERROR : WinError.SUCCESS);
    this.finish(hosted);
  }

  private enter(state: ServiceState, exitCode: number = WinError.SUCCESS): void {
    clearInterval(this.pending);
    this.state = state;
    this.checkpoint = 0;
    this.say(exitCode);
    if (state === 'start-pending' || state === 'stop-pending') {
      this.pending = setInterval(() => this.say(WinError.SUCCESS), CHECKPOINT_EVERY_MS);
    }
  }

  private say(exitCode: number): void {
    if (this.status === undefined) return;
    const waits = this.state === 'start-pending' || this.state === 'stop-pending';
    if (waits) this.checkpoint += 1;
    const status = encodeStatus({
      state: this.state,
      accepted: accepted(this.state),
      exitCode,
      specificExitCode: exitCode === WinError.SUCCESS ? 0 : 1,
      checkpoint: waits ? this.checkpoint : 0,
      waitHintMs: waits ? 3 * CHECKPOINT_EVERY_MS : 0,
    });
    if (!this.calls.setStatus(this.status, status)) {
      this.service.failed(new WindowsError('SetServiceStatus', this.calls.lastError()));
    }
  }

  private finish(hosted: Hosted): void {
    clearInterval(this.watching);
    clearInterval(this.pending);
    this.done(hosted);
  }
}

/** Calls of Windows as the host needs them. */
interface Calls {
  /** Starts the dispatcher on a thread of its own. Returns the handle of the thread. */
  dispatch(name: string, main: () => void): bigint;
  /** Of a thread; 259 while it runs. */
  exitCode(thread: bigint): number;
  register(name: string, handler: (control: number, kind: number) => number): bigint;
  setStatus(handle: bigint, status: Buffer): boolean;
  lastError(): number;
}

async function loadCalls(): Promise<Calls> {
  const [advapi, kernel] = await Promise.all([systemLibrary('advapi32.dll'), systemLibrary('kernel32.dll')]);
  const { default: koffi } = await import('koffi');
  const lastError = lastErrorCall(kernel);
  const setServiceStatus = advapi.func('int __stdcall SetServiceStatus(void *, uint8_t *)') as (
    handle: bigint,
    status: Buffer,
  ) => number;
  const registerHandler = advapi.func(
    'void * __stdcall RegisterServiceCtrlHandlerExW(str16, void *, void *)',
  ) as (name: string, handler: bigint, context: null) => bigint | null;
  const exitCodeThread = kernel.func('int __stdcall GetExitCodeThread(void *, _Out_ uint32_t *)') as (
    thread: bigint,
    code: [number],
  ) => number;
  const mainType = koffi.pointer(koffi.proto('void __stdcall CordonServiceMain(uint32_t, void *)'));
  const handlerType = koffi.pointer(
    koffi.proto('uint32_t __stdcall CordonServiceHandler(uint32_t, uint32_t, void *, void *)'),
  );
  return {
    lastError,
    setStatus: (handle, status) => setServiceStatus(handle, status) !== 0,
    exitCode: (thread) => {
      const code: [number] = [0];
      return exitCodeThread(thread, code) === 0 ? 0 : code[0];
    },
    register: (name, handler) => {
      const handle = registerHandler(name, koffi.register(handler, handlerType), null);
      if (handle === null) throw new WindowsError('RegisterServiceCtrlHandlerExW', lastError());
      return handle;
    },
    dispatch: (name, main) => {
      // Windows reads the table for as long as the process lives: its memory is never given back.
      const word = Buffer.from(`${name}\0`, 'utf16le');
      const text: unknown = koffi.alloc('uint8_t', word.length);
      koffi.encode(text, koffi.array('uint8_t', word.length), word);
      const table: unknown = koffi.alloc('void *', 4);
      const entries = [koffi.address(text), koffi.register(main, mainType), null, null];
      koffi.encode(table, koffi.array('void *', 4), entries);
      return startThread(
        kernel,
        addressOf(kernel, 'advapi32.dll', 'StartServiceCtrlDispatcherW'),
        table,
        lastError,
      );
    },
  };
}

/** `BOOL StartServiceCtrlDispatcherW(table)` has the shape of a thread's first function: a number from a pointer. */
function startThread(
  kernel: LibraryHandle,
  start: bigint,
  argument: unknown,
  lastError: () => number,
): bigint {
  const create = kernel.func(
    'void * __stdcall CreateThread(void *, size_t, void *, void *, uint32_t, _Out_ uint32_t *)',
  ) as (
    security: null,
    stack: number,
    start: bigint,
    argument: unknown,
    flags: number,
    id: [number],
  ) => bigint | null;
  const thread = create(null, 0, start, argument, 0, [0]);
  if (thread === null) throw new WindowsError('CreateThread', lastError());
  return thread;
}

function addressOf(kernel: LibraryHandle, library: string, name: string): bigint {
  const moduleHandle = kernel.func('void * __stdcall GetModuleHandleW(str16)') as (
    name: string,
  ) => bigint | null;
  const procAddress = kernel.func('void * __stdcall GetProcAddress(void *, str)') as (
    library: bigint | null,
    name: string,
  ) => bigint | null;
  const address = procAddress(moduleHandle(library), name);
  if (address === null) throw new WindowsError('GetProcAddress', WinError.PROC_NOT_FOUND, name);
  return address;
}
