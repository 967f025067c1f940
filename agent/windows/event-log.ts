import type { LogEntry } from '../notify/event-log-notes.js';
import { WinError } from './error-codes.js';
import { lastErrorCall, systemLibrary, WindowsError, type Call } from './library.js';

/** As the Event Viewer shows it, in the log "Application". */
export const EVENT_SOURCE = 'Cordon Agent';

const KEY = `SYSTEM\\CurrentControlSet\\Services\\EventLog\\Application\\${EVENT_SOURCE}`;
/** Its message table holds "%1" for every number from 1 to 1000, so that entries need no library of ours. */
const MESSAGE_FILE = '%SystemRoot%\\System32\\EventCreate.exe';
/** Error, warning and information. */
const TYPES_SUPPORTED = 7;
const LEVELS = { error: 1, warning: 2, information: 4 } as const;
/** Windows takes 31,839 characters. */
const LONGEST_TEXT = 16_000;

const HKEY_LOCAL_MACHINE = 0x80000002n;
const KEY_SET_VALUE = 0x2;
const REG_EXPAND_SZ = 2;
const REG_DWORD = 4;

/**
 * Opens the event log of this computer for writing. It stays open as long as the process lives.
 * @param library path of advapi32.dll, for tests
 * @throws WindowsError
 */
export async function openEventLog(library?: string): Promise<(entry: LogEntry) => void> {
  const advapi = await systemLibrary('advapi32.dll', library);
  const kernel = await systemLibrary('kernel32.dll');
  const lastError = lastErrorCall(kernel);
  const register = advapi.func('void * __stdcall RegisterEventSourceW(str16, str16)') as Call;
  const report = advapi.func(
    'int __stdcall ReportEventW(void *, uint16_t, uint16_t, uint32_t, void *, uint16_t, uint32_t, str16 *, void *)',
  ) as Call;
  const source = register(null, EVENT_SOURCE);
  if (source === null) throw new WindowsError('RegisterEventSourceW', lastError());
  return ({ id, level, text }) => {
    const strings = [text.slice(0, LONGEST_TEXT)];
    if (report(source, LEVELS[level], 0, id, null, 1, 0, strings, null) === 0) {
      throw new WindowsError('ReportEventW', lastError());
    }
  };
}

/** Tells Windows how the entries are read. Idempotent. @throws WindowsError */
export async function registerEventSource(): Promise<void> {
  const advapi = await systemLibrary('advapi32.dll');
  const create = advapi.func(
    'int32_t __stdcall RegCreateKeyExW(void *, str16, uint32_t, str16, uint32_t, uint32_t, void *, _Out_ void **, void *)',
  ) as Call;
  const set = advapi.func(
    'int32_t __stdcall RegSetValueExW(void *, str16, uint32_t, uint32_t, uint8_t *, uint32_t)',
  ) as Call;
  const close = advapi.func('int32_t __stdcall RegCloseKey(void *)') as Call;
  const key: [bigint | null] = [null];
  mustSucceed('RegCreateKeyExW', create(HKEY_LOCAL_MACHINE, KEY, 0, null, 0, KEY_SET_VALUE, null, key, null));
  try {
    const file = Buffer.from(`${MESSAGE_FILE}\0`, 'utf16le');
    mustSucceed('RegSetValueExW', set(key[0], 'EventMessageFile', 0, REG_EXPAND_SZ, file, file.length));
    const types = Buffer.alloc(4);
    types.writeUInt32LE(TYPES_SUPPORTED);
    mustSucceed('RegSetValueExW', set(key[0], 'TypesSupported', 0, REG_DWORD, types, types.length));
  } finally {
    close(key[0]);
  }
}

/** Entries that were written stay. Idempotent. @throws WindowsError */
export async function removeEventSource(): Promise<void> {
  const advapi = await systemLibrary('advapi32.dll');
  const remove = advapi.func('int32_t __stdcall RegDeleteKeyW(void *, str16)') as Call;
  const code = remove(HKEY_LOCAL_MACHINE, KEY);
  if (code !== WinError.FILE_NOT_FOUND) mustSucceed('RegDeleteKeyW', code);
}

function mustSucceed(call: string, code: unknown): void {
  if (code !== WinError.SUCCESS) {
    throw new WindowsError(
      call,
      Number(code),
      code === WinError.ACCESS_DENIED ? 'run it as Administrator' : '',
    );
  }
}
