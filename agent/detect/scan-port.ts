import type { Clock } from '../../shared/clock.js';
import type { RunningScan, ScanHandlers } from './process/scan-process.js';
import type { ScanOrder } from './scan-messages.js';

/** Starts a scan process. */
export type StartScan = (order: ScanOrder, handlers: ScanHandlers, clock: Clock) => Omit<RunningScan, 'pid'>;
