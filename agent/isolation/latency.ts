import { elapsedMs, type Moment } from './deadline.js';

/** The clock of a boot counts in steps of 10 ms on Linux; a difference beyond this is a jump of the wall clock. */
const STEP_MS = 50;

/** Time between two moments of one boot, milliseconds: to the millisecond by the wall clock unless that one jumped. */
export function latencyMs(from: Moment, to: Moment): number {
  const byBoot = elapsedMs(from, to);
  const byWall = to.wallMs - from.wallMs;
  return byWall >= 0 && Math.abs(byWall - byBoot) <= STEP_MS ? byWall : byBoot;
}
