import type { ScanControl, ScanEvent } from '../scan-messages.js';

/** What crosses between the agent and its scan process: `ScanControl` one way, `ScanEvent` the other, structured clones. */
export type ToScan = ScanControl;
export type FromScan = ScanEvent;

/** Longest time that the scan waits for a match to be acknowledged, milliseconds. It ends then: nobody is there. */
export const ACKNOWLEDGE_MS = 60_000;
