import type { ScanControl, ScanEvent, ScanOrder } from './scan-messages.js';

/** A scan process, from the agent's side. */
export interface ScanProcess {
  /** Tells it something. Without effect once it has ended. */
  tell(control: Exclude<ScanControl, { kind: 'start' }>): void;
  /** Ends it now. */
  kill(): void;
}

export interface ScanHandlers {
  readonly event: (event: ScanEvent) => void;
  /** Called once, when the process is gone. @param how for people, for example `killed by SIGKILL` */
  readonly ended: (how: string) => void;
}

/** Starts a scan process. */
export type StartScan = (order: ScanOrder, handlers: ScanHandlers) => ScanProcess;
