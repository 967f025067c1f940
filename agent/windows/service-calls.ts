import type { default as koffiDefault, TypeObject } from 'koffi';
import { lastErrorCall, systemLibrary, type Call } from './library.js';

type Koffi = typeof koffiDefault;

/** A service control manager or a service, opened. */
export type ScHandle = bigint & { readonly brand: 'SC_HANDLE' };

/** Levels of ChangeServiceConfig2W: what each one takes. */
export interface ServiceExtras {
  description(handle: ScHandle, text: string): boolean;
  /** Restarts after each pause, milliseconds; the last one repeats. */
  restarts(handle: ScHandle, pausesMs: readonly number[], resetSeconds: number): boolean;
  /** Whether recovery actions are taken after an end with an error code, too. */
  restartsOnError(handle: ScHandle, on: boolean): boolean;
  delayedStart(handle: ScHandle, on: boolean): boolean;
  /** SERVICE_SID_TYPE_UNRESTRICTED: the SID of the service is in its token, and may be granted things. */
  sidType(handle: ScHandle, type: number): boolean;
  preshutdown(handle: ScHandle, ms: number): boolean;
}

/** Functions of advapi32.dll about services. What fails answers false or undefined; `lastError` has the code. */
export interface ServiceCalls {
  openManager(access: number): ScHandle | undefined;
  open(manager: ScHandle, name: string, access: number): ScHandle | undefined;
  create(manager: ScHandle, settings: ServiceSettings): ScHandle | undefined;
  change(service: ScHandle, settings: ServiceSettings): boolean;
  extras: ServiceExtras;
  start(service: ScHandle): boolean;
  stop(service: ScHandle): boolean;
  delete(service: ScHandle): boolean;
  /** SERVICE_STATUS_PROCESS, 36 bytes. */
  status(service: ScHandle): Buffer | undefined;
  /** Contents of QueryServiceConfig2W for a level of numbers only. */
  queryExtra(service: ScHandle, level: number): Buffer | undefined;
  close(handle: ScHandle): void;
  lastError(): number;
}

/** What CreateServiceW and ChangeServiceConfigW take. */
export interface ServiceSettings {
  readonly name: string;
  readonly displayName: string;
  readonly commandLine: string;
  readonly dependsOn: readonly string[];
}

const SERVICE_ALL_ACCESS = 0xf01ff;
const SERVICE_WIN32_OWN_PROCESS = 0x10;
const SERVICE_AUTO_START = 2;
const SERVICE_ERROR_NORMAL = 1;
const SERVICE_CONTROL_STOP = 1;
const SC_STATUS_PROCESS_INFO = 0;
const SC_ACTION_RESTART = 1;
/** Levels of ChangeServiceConfig2W. */
const SERVICE_CONFIG_DESCRIPTION = 1;
const SERVICE_CONFIG_FAILURE_ACTIONS = 2;
const SERVICE_CONFIG_DELAYED_AUTO_START_INFO = 3;
const SERVICE_CONFIG_FAILURE_ACTIONS_FLAG = 4;
const SERVICE_CONFIG_SERVICE_SID_INFO = 5;
const SERVICE_CONFIG_PRESHUTDOWN_INFO = 7;
const LOCAL_SYSTEM = 'LocalSystem';
const MANAGER_OF_THIS_COMPUTER = null;
const STATUS_PROCESS_SIZE = 36;
/** Largest answer of QueryServiceConfig2W. */
const LARGEST_EXTRA = 8192;

/** @param library path of advapi32.dll, for tests */
export async function serviceCalls(library?: string): Promise<ServiceCalls> {
  const [advapi, kernel] = await Promise.all([
    systemLibrary('advapi32.dll', library),
    systemLibrary('kernel32.dll'),
  ]);
  const { default: koffi } = await import('koffi');
  const readLastError = lastErrorCall(kernel);
  const openManager = advapi.func('void * __stdcall OpenSCManagerW(str16, str16, uint32_t)') as Call;
  const open = advapi.func('void * __stdcall OpenServiceW(void *, str16, uint32_t)') as Call;
  const create = advapi.func(
    'void * __stdcall CreateServiceW(void *, str16, str16, uint32_t, uint32_t, uint32_t, uint32_t, str16, str16, void *, uint8_t *, str16, str16)',
  ) as Call;
  const change = advapi.func(
    'int __stdcall ChangeServiceConfigW(void *, uint32_t, uint32_t, uint32_t, str16, str16, void *, uint8_t *, str16, str16, str16)',
  ) as Call;
  const start = advapi.func('int __stdcall StartServiceW(void *, uint32_t, void *)') as Call;
  const control = advapi.func('int __stdcall ControlService(void *, uint32_t, _Out_ uint8_t *)') as Call;
  const remove = advapi.func('int __stdcall DeleteService(void *)') as Call;
  const query = advapi.func(
    'int __stdcall QueryServiceStatusEx(void *, int, _Out_ uint8_t *, uint32_t, _Out_ uint32_t *)',
  ) as Call;
  const query2 = advapi.func(
    'int __stdcall QueryServiceConfig2W(void *, uint32_t, _Out_ uint8_t *, uint32_t, _Out_ uint32_t *)',
  ) as Call;
  const closeHandle = advapi.func('int __stdcall CloseServiceHandle(void *)') as Call;

  // Without a name a type belongs to nobody else either.
  const one = (member: string): ReturnType<typeof koffi.pointer> =>
    koffi.pointer(koffi.struct({ value: member }));
  const config2 = (info: ReturnType<typeof koffi.pointer>): Call =>
    advapi.func('__stdcall', 'ChangeServiceConfig2W', 'int', ['void *', 'uint32_t', info]) as Call;
  const setText = config2(one('str16'));
  const setNumber = config2(one('uint32_t'));
  const { failureActions } = failureActionTypes(koffi);
  const setFailureActions = config2(koffi.pointer(failureActions));

  let lastError = 0;
  /** The code is read at once: whatever is called next may change it. */
  const ok = (answer: unknown): boolean => {
    const worked = answer !== 0;
    if (!worked) lastError = readLastError();
    return worked;
  };
  const handle = (answer: unknown): ScHandle | undefined => {
    if (answer !== null) return answer as ScHandle;
    lastError = readLastError();
    return undefined;
  };
  const setFlag = (level: number) => (service: ScHandle, on: boolean) =>
    ok(setNumber(service, level, { value: on ? 1 : 0 }));
  const setCount = (level: number) => (service: ScHandle, value: number) =>
    ok(setNumber(service, level, { value }));
  return {
    lastError: () => lastError,
    openManager: (access) => handle(openManager(MANAGER_OF_THIS_COMPUTER, null, access)),
    open: (manager, name, access) => handle(open(manager, name, access)),
    create: (manager, { name, displayName, commandLine, dependsOn }) =>
      handle(
        create(
          manager,
          name,
          displayName,
          SERVICE_ALL_ACCESS,
          SERVICE_WIN32_OWN_PROCESS,
          SERVICE_AUTO_START,
          SERVICE_ERROR_NORMAL,
          commandLine,
          null,
          null,
          multiString(dependsOn),
          LOCAL_SYSTEM,
          null,
        ),
      ),
    change: (service, { displayName, commandLine, dependsOn }) =>
      ok(
        change(
          service,
          SERVICE_WIN32_OWN_PROCESS,
          SERVICE_AUTO_START,
          SERVICE_ERROR_NORMAL,
          commandLine,
          null,
          null,
          multiString(dependsOn),
          LOCAL_SYSTEM,
          '',
          displayName,
        ),
      ),
    extras: {
      description: (service, value) => ok(setText(service, SERVICE_CONFIG_DESCRIPTION, { value })),
      restarts: (service, pausesMs, resetPeriod) =>
        ok(
          setFailureActions(service, SERVICE_CONFIG_FAILURE_ACTIONS, {
            resetPeriod,
            rebootMessage: null,
            command: null,
            count: pausesMs.length,
            actions: pausesMs.map((delay) => ({ type: SC_ACTION_RESTART, delay })),
          }),
        ),
      delayedStart: setFlag(SERVICE_CONFIG_DELAYED_AUTO_START_INFO),
      restartsOnError: setFlag(SERVICE_CONFIG_FAILURE_ACTIONS_FLAG),
      sidType: setCount(SERVICE_CONFIG_SERVICE_SID_INFO),
      preshutdown: setCount(SERVICE_CONFIG_PRESHUTDOWN_INFO),
    },
    start: (service) => ok(start(service, 0, null)),
    stop: (service) => ok(control(service, SERVICE_CONTROL_STOP, Buffer.alloc(28))),
    delete: (service) => ok(remove(service)),
    status: (service) => {
      const bytes = Buffer.alloc(STATUS_PROCESS_SIZE);
      return ok(query(service, SC_STATUS_PROCESS_INFO, bytes, bytes.length, [0])) ? bytes : undefined;
    },
    queryExtra: (service, level) => {
      const bytes = Buffer.alloc(LARGEST_EXTRA);
      return ok(query2(service, level, bytes, bytes.length, [0])) ? bytes : undefined;
    },
    close: (opened) => void closeHandle(opened),
  };
}

/** SC_ACTION and SERVICE_FAILURE_ACTIONSW. */
export function failureActionTypes(koffi: Koffi): Record<'action' | 'failureActions', TypeObject> {
  const action = koffi.struct({ type: 'int', delay: 'uint32_t' });
  const failureActions = koffi.struct({
    resetPeriod: 'uint32_t',
    rebootMessage: 'str16',
    command: 'str16',
    count: 'uint32_t',
    actions: koffi.pointer(action),
  });
  return { action, failureActions };
}

/** Texts one after the other, each with its zero, and one more zero. */
export function multiString(texts: readonly string[]): Buffer {
  return Buffer.from(`${texts.map((text) => `${text}\0`).join('')}\0`, 'utf16le');
}
