import { commandLine, type ServiceDefinition } from './service-definition.js';
import { serviceCalls, type ScHandle, type ServiceCalls } from './service-calls.js';
import { WinError } from './error-codes.js';
import { WindowsError } from './library.js';

const SC_MANAGER_CONNECT = 0x1;
const SC_MANAGER_CREATE_SERVICE = 0x2;
const SERVICE_QUERY_STATUS = 0x4;
const SERVICE_ALL_ACCESS = 0xf01ff;
const SERVICE_SID_TYPE_UNRESTRICTED = 1;

/** This Windows does not know what is asked of it. */
const NOT_KNOWN: readonly number[] = [WinError.CALL_NOT_IMPLEMENTED, WinError.INVALID_LEVEL];

/** How long a service may take to start, to stop, and to vanish, milliseconds. */
const LONGEST_CHANGE_MS = 45_000;
const LOOK_EVERY_MS = 250;
/** Who waits longer than that is told for what. */
const SILENT_FOR_MS = 2_000;

const HINTS: Readonly<Record<number, string>> = {
  [WinError.ACCESS_DENIED]: 'run it as Administrator ("Run as administrator")',
  [WinError.DEPENDENT_SERVICES_RUNNING]: 'another service that depends on it is running; stop that one first',
  [WinError.SERVICE_REQUEST_TIMEOUT]: 'the service did not answer in time; see agent.log in its data folder',
  [WinError.SERVICE_DISABLED]: 'the service is disabled; "sc config cordon-agent start= auto" enables it',
  [WinError.SERVICE_DEPENDENCY_FAIL]:
    'the Base Filtering Engine (service BFE) cannot be started; "sc query BFE" says why',
  [WinError.SERVICE_MARKED_FOR_DELETE]:
    'its removal waits for programs that have it open; close "Services" and other consoles, or restart the computer',
  [WinError.SERVICE_DEPENDENCY_DELETED]:
    'the Base Filtering Engine (service BFE) is missing on this computer',
  [WinError.DUPLICATE_SERVICE_NAME]: 'another service has this display name',
};

/** State of a service as people read it. */
export type RunState = 'stopped' | 'starting' | 'stopping' | 'running' | 'paused';

const STATES: Readonly<Record<number, RunState>> = {
  1: 'stopped',
  2: 'starting',
  3: 'stopping',
  4: 'running',
  5: 'running',
  6: 'paused',
  7: 'paused',
};

export interface ServiceStatus {
  readonly state: RunState;
  /** Of its process; 0: it does not run. */
  readonly processId: number;
  /** Windows error that it ended with; 0: none, 1066: the service says which, 1077: not started since the computer began. */
  readonly exitCode: number;
}

/** What a call to the service control manager needs besides. */
export interface ManagerParts {
  /** Called when something takes longer than two seconds. */
  readonly progress: (text: string) => void;
  readonly now: () => number;
  readonly sleep: (ms: number) => Promise<void>;
}

/** Makes, starts, ends and removes services of this computer. Every method throws WindowsError with what to do. */
export class ServiceManager {
  private constructor(
    private readonly calls: ServiceCalls,
    private readonly parts: ManagerParts,
  ) {}

  static async open(parts: ManagerParts, library?: string): Promise<ServiceManager> {
    return new ServiceManager(await serviceCalls(library), parts);
  }

  /**
   * Makes a service, or changes it into what is asked for. Idempotent.
   * @returns what this Windows does not know and the service therefore goes without
   */
  install(definition: ServiceDefinition): string[] {
    const { name, displayName, dependsOn } = definition;
    const settings = { name, displayName, dependsOn, commandLine: commandLine(definition.command) };
    return this.withManager(SC_MANAGER_CONNECT | SC_MANAGER_CREATE_SERVICE, (manager) => {
      const created = this.calls.create(manager, settings);
      if (created === undefined && this.calls.lastError() !== WinError.SERVICE_EXISTS)
        throw this.failure('CreateServiceW');
      const service = created ?? this.mustOpen(manager, name, SERVICE_ALL_ACCESS);
      return this.closing(service, () => {
        if (created === undefined && !this.calls.change(service, settings)) {
          throw this.failure('ChangeServiceConfigW');
        }
        return this.complete(service, definition);
      });
    });
  }

  /** False: it was there and running. */
  async start(name: string): Promise<boolean> {
    const started = this.withService(name, SERVICE_ALL_ACCESS, (service) => {
      if (this.calls.start(service)) return true;
      if (this.calls.lastError() === WinError.SERVICE_ALREADY_RUNNING) return false;
      throw this.failure('StartServiceW');
    });
    const status = await this.settled(name, 'starting', `waiting for the service ${name} to start`);
    if (status?.state === 'running') return started;
    throw new WindowsError(
      'StartServiceW',
      status?.exitCode ?? WinError.SERVICE_DOES_NOT_EXIST,
      `the service ${name} did not stay up (${status?.state ?? 'it was removed'}); see agent.log in its data folder`,
    );
  }

  /** False: it did not run. */
  async stop(name: string): Promise<boolean> {
    const stopped = this.withService(name, SERVICE_ALL_ACCESS, (service) => {
      if (this.calls.stop(service)) return true;
      if (this.calls.lastError() === WinError.SERVICE_NOT_ACTIVE) return false;
      throw this.failure('ControlService');
    });
    const status = await this.settled(name, 'stopping', `waiting for the service ${name} to stop`);
    if (status === undefined || status.state === 'stopped') return stopped;
    throw new WindowsError(
      'ControlService',
      WinError.SERVICE_REQUEST_TIMEOUT,
      `end process ${status.processId}, then try again`,
    );
  }

  /** Stops and removes a service. False: there was none. */
  async remove(name: string): Promise<boolean> {
    if (this.status(name) === undefined) return false;
    await this.stop(name);
    this.withService(name, SERVICE_ALL_ACCESS, (service) => {
      if (!this.calls.delete(service) && this.calls.lastError() !== WinError.SERVICE_MARKED_FOR_DELETE) {
        throw this.failure('DeleteService');
      }
    });
    const gone = await this.until(`waiting for the service ${name} to vanish`, () => !this.exists(name));
    if (!gone)
      throw new WindowsError(
        'DeleteService',
        WinError.SERVICE_MARKED_FOR_DELETE,
        HINTS[WinError.SERVICE_MARKED_FOR_DELETE],
      );
    return true;
  }

  /** Undefined: there is no such service. */
  status(name: string): ServiceStatus | undefined {
    return this.withManager(SC_MANAGER_CONNECT, (manager) => {
      const service = this.calls.open(manager, name, SERVICE_QUERY_STATUS);
      if (service === undefined) {
        if (this.calls.lastError() === WinError.SERVICE_DOES_NOT_EXIST) return undefined;
        throw this.failure('OpenServiceW');
      }
      return this.closing(service, () => {
        const bytes = this.calls.status(service);
        if (!bytes) throw this.failure('QueryServiceStatusEx');
        return readStatus(bytes);
      });
    });
  }

  private exists(name: string): boolean {
    try {
      return this.status(name) !== undefined;
    } catch (error) {
      if (error instanceof WindowsError && error.code === WinError.SERVICE_MARKED_FOR_DELETE) return true;
      throw error;
    }
  }

  /** Sets what CreateServiceW has no place for. */
  private complete(service: ScHandle, definition: ServiceDefinition): string[] {
    const { extras } = this.calls;
    const steps: [string, () => boolean][] = [
      ['a description', () => extras.description(service, definition.description)],
      [
        'restarts after a failure',
        () => extras.restarts(service, definition.restartAfterMs, definition.resetAfterSeconds),
      ],
      ['restarts after an end with an error', () => extras.restartsOnError(service, true)],
      ['a start without delay', () => extras.delayedStart(service, false)],
      ['a SID of its own', () => extras.sidType(service, SERVICE_SID_TYPE_UNRESTRICTED)],
      ['time at shutdown', () => extras.preshutdown(service, definition.preshutdownMs)],
    ];
    return steps.flatMap(([what, set]) => {
      if (set()) return [];
      if (NOT_KNOWN.includes(this.calls.lastError())) return [what];
      throw this.failure('ChangeServiceConfig2W');
    });
  }

  /** Waits until a service is no longer on its way. */
  private async settled(name: string, from: RunState, text: string): Promise<ServiceStatus | undefined> {
    let status = this.status(name);
    await this.until(text, () => {
      status = this.status(name);
      return status?.state !== from;
    });
    return status;
  }

  private async until(text: string, done: () => boolean): Promise<boolean> {
    const { now, sleep, progress } = this.parts;
    const begun = now();
    let told = false;
    while (!done()) {
      const waited = now() - begun;
      if (waited >= LONGEST_CHANGE_MS) return false;
      if (waited >= SILENT_FOR_MS && !told) {
        told = true;
        progress(`${text} (up to ${LONGEST_CHANGE_MS / 1000} s)`);
      }
      await sleep(LOOK_EVERY_MS);
    }
    return true;
  }

  private withService<T>(name: string, access: number, work: (service: ScHandle) => T): T {
    return this.withManager(SC_MANAGER_CONNECT, (manager) => {
      const service = this.mustOpen(manager, name, access);
      return this.closing(service, () => work(service));
    });
  }

  private withManager<T>(access: number, work: (manager: ScHandle) => T): T {
    const manager = this.calls.openManager(access);
    if (manager === undefined) throw this.failure('OpenSCManagerW');
    return this.closing(manager, () => work(manager));
  }

  private mustOpen(manager: ScHandle, name: string, access: number): ScHandle {
    const service = this.calls.open(manager, name, access);
    if (service === undefined) throw this.failure('OpenServiceW');
    return service;
  }

  private closing<T>(handle: ScHandle, work: () => T): T {
    try {
      return work();
    } finally {
      this.calls.close(handle);
    }
  }

  private failure(call: string): WindowsError {
    const code = this.calls.lastError();
    return new WindowsError(call, code, HINTS[code]);
  }
}

/** SERVICE_STATUS_PROCESS. */
export function readStatus(bytes: Buffer): ServiceStatus {
  return {
    state: STATES[bytes.readUInt32LE(4)] ?? 'stopped',
    exitCode: bytes.readUInt32LE(12),
    processId: bytes.readUInt32LE(28),
  };
}
