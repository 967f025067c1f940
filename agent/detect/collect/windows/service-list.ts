import {
  lastErrorCall,
  systemLibrary,
  WindowsError,
  type Address,
  type Call,
} from '../../../windows/library.js';
import { waiting, within } from '../../../windows/later.js';
import { WinError } from '../../../windows/error-codes.js';
import {
  CONSTANTS,
  ENUM_SERVICE_STATUS_PROCESSW,
  QUERY_SERVICE_CONFIGW,
  SERVICE_DESCRIPTIONW,
} from './layout.js';
import { addressAt, nativeMemory, numberAt, textWithin, type Memory } from './memory.js';

export interface ListedService {
  readonly name: string;
  readonly displayName: string;
  /** SERVICE_WIN32_OWN_PROCESS and so on. */
  readonly type: number;
  /** SERVICE_RUNNING and so on. */
  readonly state: number;
  /** 0: it does not run, or is a driver. */
  readonly pid: number;
}

export interface ServiceSettings {
  /** SERVICE_AUTO_START and so on. */
  readonly start: number;
  /** As it was set: program and arguments. */
  readonly command: string;
  /** Account; empty for a driver. */
  readonly account: string;
}

/** What the service manager tells. Methods throw WindowsError where it refuses. */
export interface ServiceList {
  list(): ListedService[];
  settings(name: string): ServiceSettings;
  /** Empty: it has none. */
  description(name: string): string;
  close(): void;
}

/** The service manager is another process, which may be busy: longest wait for it, milliseconds. */
const DEADLINE_MS = 10_000;
/** Most that one call takes, bytes [EnumServicesStatusExW, QueryServiceConfigW]. */
const CHUNK = 256 * 1024;
const LARGEST_SETTINGS = 8192;
/** Chunks that are read: some ten thousand services. */
const MAX_CHUNKS = 64;

/** @throws Error where the service manager does not answer, or refuses */
export async function openServiceList(): Promise<ServiceList> {
  const [advapi, kernel] = await Promise.all([systemLibrary('advapi32.dll'), systemLibrary('kernel32.dll')]);
  const memory = await nativeMemory();
  const lastError = lastErrorCall(kernel);
  const openManager = advapi.func('void * __stdcall OpenSCManagerW(str16, str16, uint32_t)');
  const enumerate = advapi.func(
    'int __stdcall EnumServicesStatusExW(void *, int, uint32_t, uint32_t, void *, uint32_t, _Out_ uint32_t *, _Out_ uint32_t *, _Inout_ uint32_t *, str16)',
  ) as Call;
  const open = advapi.func('void * __stdcall OpenServiceW(void *, str16, uint32_t)') as Call;
  const query = advapi.func(
    'int __stdcall QueryServiceConfigW(void *, void *, uint32_t, _Out_ uint32_t *)',
  ) as Call;
  const query2 = advapi.func(
    'int __stdcall QueryServiceConfig2W(void *, uint32_t, void *, uint32_t, _Out_ uint32_t *)',
  ) as Call;
  const close = advapi.func('int __stdcall CloseServiceHandle(void *)') as Call;
  const access = CONSTANTS.SC_MANAGER_CONNECT | CONSTANTS.SC_MANAGER_ENUMERATE_SERVICE;
  // One that does not answer shows here, on another thread; what follows is asked in turn.
  const opened = waiting(openManager)(null, null, access) as Promise<Address>;
  const manager = await within(DEADLINE_MS, 'the service manager does not answer', opened);
  if (manager === null) throw new Error('OpenSCManagerW failed: the service manager may not be asked');

  const withService = <T>(name: string, work: (service: unknown) => T): T => {
    const service = open(manager, name, CONSTANTS.SERVICE_QUERY_CONFIG);
    if (service === null) throw new WindowsError('OpenServiceW', lastError());
    try {
      return work(service);
    } finally {
      close(service);
    }
  };
  return {
    list: () => {
      const found: ListedService[] = [];
      const buffer = Buffer.alloc(CHUNK);
      const resume: [number] = [0];
      for (let chunk = 0; chunk < MAX_CHUNKS; chunk += 1) {
        const returned: [number] = [0];
        const { SC_ENUM_PROCESS_INFO, SERVICE_WIN32, SERVICE_DRIVER, SERVICE_STATE_ALL } = CONSTANTS;
        const kinds = SERVICE_WIN32 | SERVICE_DRIVER;
        const more =
          enumerate(
            manager,
            SC_ENUM_PROCESS_INFO,
            kinds,
            SERVICE_STATE_ALL,
            buffer,
            buffer.length,
            [0],
            returned,
            resume,
            null,
          ) === 0;
        const code = more ? lastError() : WinError.SUCCESS;
        if (more && code !== WinError.MORE_DATA) throw new WindowsError('EnumServicesStatusExW', code);
        found.push(...readServices(buffer, returned[0], memory));
        if (!more) return found;
      }
      throw new Error('there are more services than there can be');
    },
    settings: (name) =>
      withService(name, (service) => {
        const buffer = Buffer.alloc(LARGEST_SETTINGS);
        if (query(service, buffer, buffer.length, [0]) === 0)
          throw new WindowsError('QueryServiceConfigW', lastError());
        return readSettings(buffer, memory);
      }),
    description: (name) =>
      withService(name, (service) => {
        const buffer = Buffer.alloc(LARGEST_SETTINGS);
        if (query2(service, CONSTANTS.SERVICE_CONFIG_DESCRIPTION, buffer, buffer.length, [0]) === 0)
          throw new WindowsError('QueryServiceConfig2W', lastError());
        const { lpDescription } = SERVICE_DESCRIPTIONW.fields;
        return textWithin(buffer, memory.addressOf(buffer), addressAt(buffer, lpDescription)) ?? '';
      }),
    close: () => void close(manager),
  };
}

type Addresses = Pick<Memory, 'addressOf'>;

/** Rows that EnumServicesStatusExW wrote. One whose name does not lie in the buffer is left out: nobody could ask for it. */
export function readServices(buffer: Buffer, count: number, { addressOf }: Addresses): ListedService[] {
  const { size, fields } = ENUM_SERVICE_STATUS_PROCESSW;
  const base = addressOf(buffer);
  return Array.from({ length: Math.min(count, Math.floor(buffer.length / size)) }, (_, index) => {
    const row = buffer.subarray(index * size, (index + 1) * size);
    return {
      name: textWithin(buffer, base, addressAt(row, fields.lpServiceName)) ?? '',
      displayName: textWithin(buffer, base, addressAt(row, fields.lpDisplayName)) ?? '',
      type: numberAt(row, fields['ServiceStatusProcess.dwServiceType']),
      state: numberAt(row, fields['ServiceStatusProcess.dwCurrentState']),
      pid: numberAt(row, fields['ServiceStatusProcess.dwProcessId']),
    };
  }).filter(({ name }) => name !== '');
}

/** QUERY_SERVICE_CONFIGW with its texts behind it. */
export function readSettings(buffer: Buffer, { addressOf }: Addresses): ServiceSettings {
  const { dwStartType, lpBinaryPathName, lpServiceStartName } = QUERY_SERVICE_CONFIGW.fields;
  const base = addressOf(buffer);
  return {
    start: numberAt(buffer, dwStartType),
    command: textWithin(buffer, base, addressAt(buffer, lpBinaryPathName)) ?? '',
    account: textWithin(buffer, base, addressAt(buffer, lpServiceStartName)) ?? '',
  };
}
