import { WinError } from '../../../windows/error-codes.js';
import { caller, lastErrorCall, systemLibrary, WindowsError, type Handle } from '../../../windows/library.js';
import { sidText } from '../../../windows/sid.js';
import { TOKEN_QUERY, tokenCalls, userOf, type TokenCalls } from '../../../windows/token-calls.js';
import { CONSTANTS, MODULEENTRY32W, PROCESSENTRY32W, UNICODE_STRING } from './layout.js';
import { addressAt, fileTime, nativeMemory, numberAt, textAt, textWithin, type Memory } from './memory.js';

export interface ListedProcess {
  readonly pid: number;
  readonly parent: number;
  /** File name of its program. */
  readonly name: string;
}

export interface ProcessTimes {
  /** Milliseconds since 1970 UTC. */
  readonly started: number | undefined;
  /** Processor time in the kernel and outside, seconds. */
  readonly kernel: number;
  readonly user: number;
}

/** A process that is open. Every method throws WindowsError where Windows refuses. */
export interface OpenProcess {
  times(): ProcessTimes;
  path(): string;
  /** Command line as it was started; undefined: this Windows tells that of no process. */
  commandLine(): string | undefined;
  /** SID of its user. */
  user(): string;
  close(): void;
}

export interface ProcessCalls {
  /** @throws WindowsError */
  list(): ListedProcess[];
  /** Undefined: it has ended. @throws WindowsError where it may not be asked */
  open(pid: number): OpenProcess | undefined;
  /** Paths of the libraries and the program that are loaded. @throws WindowsError */
  modules(pid: number): string[];
}

/** PROCESSINFOCLASS, since Windows 8.1. */
const PROCESS_COMMAND_LINE_INFORMATION = 60;
const STATUS_INVALID_INFO_CLASS = 0xc000_0003;
/** A UNICODE_STRING holds no more, and stands in front of its text. */
const LARGEST_COMMAND_LINE = 0x1_0000 + 16;
const LONGEST_PATH = 32_768;
/** Processes, and modules of one, that are listed at most. */
const MOST_PROCESSES = 100_000;
const MOST_MODULES = 10_000;
/** Modules of a process change while they are looked at: Windows asks to try again. */
const ATTEMPTS = 5;

type Next = (snapshot: Handle, entry: Buffer) => number;

/** @throws Error on another platform */
export async function processCalls(): Promise<ProcessCalls> {
  const [kernel32, ntdll] = await Promise.all([systemLibrary('kernel32.dll'), systemLibrary('ntdll.dll')]);
  const [tokens, memory] = await Promise.all([tokenCalls(), nativeMemory()]);
  const kernel = caller(kernel32);
  const lastError = lastErrorCall(kernel32);
  const snapshot: (what: number, pid: number) => Handle = kernel(
    'int64_t __stdcall CreateToolhelp32Snapshot(uint32_t what, uint32_t pid)',
  );
  const [firstProcess, nextProcess, firstModule, nextModule] = [
    'Process32FirstW',
    'Process32NextW',
    'Module32FirstW',
    'Module32NextW',
  ].map((name) => kernel<Next>(`int __stdcall ${name}(int64_t snapshot, void *entry)`)) as [
    Next,
    Next,
    Next,
    Next,
  ];
  const openProcess: (access: number, inherit: number, pid: number) => Handle = kernel(
    'int64_t __stdcall OpenProcess(uint32_t access, int inherit, uint32_t pid)',
  );
  const closeHandle: (handle: Handle) => number = kernel('int __stdcall CloseHandle(int64_t handle)');
  const queryName: (process: Handle, flags: number, name: Buffer, characters: [number]) => number = kernel(
    'int __stdcall QueryFullProcessImageNameW(int64_t process, uint32_t flags, void *name, _Inout_ uint32_t *characters)',
  );
  type Time = [number | bigint];
  const getTimes: (process: Handle, made: Time, ended: Time, kernel: Time, user: Time) => number = kernel(
    'int __stdcall GetProcessTimes(int64_t process, _Out_ uint64_t *made, _Out_ uint64_t *ended, _Out_ uint64_t *kernel, _Out_ uint64_t *user)',
  );
  const information: (
    process: Handle,
    kind: number,
    into: Buffer,
    size: number,
    written: [number],
  ) => number = caller(ntdll)(
    'uint32_t __stdcall NtQueryInformationProcess(int64_t process, int kind, void *into, uint32_t size, _Out_ uint32_t *written)',
  );

  /** Rows of a snapshot, at most so many. */
  const rows = (
    what: number,
    pid: number,
    size: number,
    calls: readonly [Next, Next],
    most: number,
  ): Buffer[] => {
    const [first, next] = calls;
    const taken = takeSnapshot(what, pid);
    try {
      const entry = Buffer.alloc(size);
      entry.writeUInt32LE(size, 0);
      const found: Buffer[] = [];
      for (let more = first(taken, entry); found.length < most; more = next(taken, entry)) {
        if (more === 0) {
          const code = lastError();
          if (code !== WinError.NO_MORE_FILES)
            throw new WindowsError('Process32NextW or Module32NextW', code);
          break;
        }
        found.push(Buffer.from(entry));
      }
      return found;
    } finally {
      closeHandle(taken);
    }
  };
  const takeSnapshot = (what: number, pid: number): Handle => {
    let code: number = WinError.SUCCESS;
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      const taken = snapshot(what, pid);
      if (taken !== -1) return taken;
      code = lastError();
      if (code !== WinError.BAD_LENGTH) break;
    }
    throw new WindowsError('CreateToolhelp32Snapshot', code);
  };

  const opened = (handle: Handle): OpenProcess => ({
    times: () => {
      const [made, ended, inKernel, outside]: [Time, Time, Time, Time] = [[0], [0], [0], [0]];
      if (getTimes(handle, made, ended, inKernel, outside) === 0)
        throw new WindowsError('GetProcessTimes', lastError());
      return {
        started: fileTime(BigInt(made[0])),
        kernel: Number(inKernel[0]) / TICKS_PER_SECOND,
        user: Number(outside[0]) / TICKS_PER_SECOND,
      };
    },
    path: () => {
      const name = Buffer.alloc(2 * LONGEST_PATH);
      const characters: [number] = [LONGEST_PATH];
      if (queryName(handle, 0, name, characters) === 0)
        throw new WindowsError('QueryFullProcessImageNameW', lastError());
      return name.toString('utf16le', 0, 2 * characters[0]);
    },
    commandLine: () => {
      const into = Buffer.alloc(LARGEST_COMMAND_LINE);
      const status = information(handle, PROCESS_COMMAND_LINE_INFORMATION, into, into.length, [0]);
      if (status === STATUS_INVALID_INFO_CLASS) return undefined;
      if (status !== 0) throw new WindowsError('NtQueryInformationProcess', status);
      return commandLineIn(into, memory);
    },
    user: () => userOfProcess(tokens, handle),
    close: () => void closeHandle(handle),
  });

  return {
    list: () =>
      rows(
        CONSTANTS.TH32CS_SNAPPROCESS,
        0,
        PROCESSENTRY32W.size,
        [firstProcess, nextProcess],
        MOST_PROCESSES,
      ).map(readProcess),
    open: (pid) => {
      const handle = openProcess(CONSTANTS.PROCESS_QUERY_LIMITED_INFORMATION, 0, pid);
      if (handle !== 0) return opened(handle);
      const code = lastError();
      if (code === WinError.INVALID_PARAMETER) return undefined;
      throw new WindowsError('OpenProcess', code);
    },
    modules: (pid) => {
      const what = CONSTANTS.TH32CS_SNAPMODULE | CONSTANTS.TH32CS_SNAPMODULE32;
      return rows(what, pid, MODULEENTRY32W.size, [firstModule, nextModule], MOST_MODULES).map((entry) =>
        textAt(entry, MODULEENTRY32W.fields.szExePath),
      );
    },
  };
}

/** Ticks of 100 ns. */
const TICKS_PER_SECOND = 10_000_000;

/** A PROCESSENTRY32W. */
export function readProcess(entry: Buffer): ListedProcess {
  const { th32ProcessID, th32ParentProcessID, szExeFile } = PROCESSENTRY32W.fields;
  return {
    pid: numberAt(entry, th32ProcessID),
    parent: numberAt(entry, th32ParentProcessID),
    name: textAt(entry, szExeFile),
  };
}

/** Text of a UNICODE_STRING that leads into the buffer which it begins. */
export function commandLineIn(buffer: Buffer, { addressOf }: Pick<Memory, 'addressOf'>): string {
  const length = numberAt(buffer, UNICODE_STRING.fields.Length);
  const text = textWithin(buffer, addressOf(buffer), addressAt(buffer, UNICODE_STRING.fields.Buffer));
  return (text ?? '').slice(0, length / 2);
}

function userOfProcess(calls: TokenCalls, process: Handle): string {
  const token: [Handle] = [0];
  if (calls.openProcessToken(process, TOKEN_QUERY, token) === 0) {
    throw new WindowsError('OpenProcessToken', calls.lastError());
  }
  try {
    return sidText(userOf(calls, token[0]));
  } finally {
    calls.closeHandle(token[0]);
  }
}
