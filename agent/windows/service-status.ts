/** States of a service that this one enters. */
export type ServiceState = 'start-pending' | 'running' | 'stop-pending' | 'stopped';

/** Numbers of winsvc.h. */
const STATES: Readonly<Record<ServiceState, number>> = {
  stopped: 1,
  'start-pending': 2,
  'stop-pending': 3,
  running: 4,
};
const SERVICE_WIN32_OWN_PROCESS = 0x10;

/** SERVICE_CONTROL_*: what a service is told. */
export const CONTROL = {
  STOP: 1,
  INTERROGATE: 4,
  SHUTDOWN: 5,
  POWEREVENT: 13,
  PRESHUTDOWN: 15,
} as const;

/** SERVICE_ACCEPT_*. */
const ACCEPT = { STOP: 0x1, SHUTDOWN: 0x4, POWEREVENT: 0x40, PRESHUTDOWN: 0x100 } as const;

/** PBT_*: the computer is awake again, with somebody at it or without. */
const RESUMED = [7, 18];

/** What a control means to the agent. A shutdown is a stop: an isolation stays in force. */
export type Meaning = 'stop' | 'resumed' | 'nothing' | 'unknown';

/** @param kind of a power event: PBT_* */
export function meaningOf(control: number, kind: number): Meaning {
  switch (control) {
    case CONTROL.STOP:
    case CONTROL.SHUTDOWN:
    case CONTROL.PRESHUTDOWN:
      return 'stop';
    case CONTROL.POWEREVENT:
      return RESUMED.includes(kind) ? 'resumed' : 'nothing';
    case CONTROL.INTERROGATE:
      return 'nothing';
    default:
      return 'unknown';
  }
}

/** Controls that a service takes in a state. One that starts or stops is asked for nothing. */
export function accepted(state: ServiceState): number {
  return state === 'running' ? ACCEPT.STOP | ACCEPT.SHUTDOWN | ACCEPT.PRESHUTDOWN | ACCEPT.POWEREVENT : 0;
}

export interface Status {
  readonly state: ServiceState;
  readonly accepted: number;
  /** Windows error; 1066: see `specificExitCode`. */
  readonly exitCode: number;
  readonly specificExitCode: number;
  readonly checkpoint: number;
  readonly waitHintMs: number;
}

/** SERVICE_STATUS: seven numbers of 32 bits. */
export function encodeStatus(status: Status): Buffer {
  const fields = [
    SERVICE_WIN32_OWN_PROCESS,
    STATES[status.state],
    status.accepted,
    status.exitCode,
    status.specificExitCode,
    status.checkpoint,
    status.waitHintMs,
  ];
  const bytes = Buffer.alloc(4 * fields.length);
  fields.forEach((field, index) => bytes.writeUInt32LE(field, 4 * index));
  return bytes;
}
