import { readFileSync } from 'node:fs';
import { uptime } from 'node:os';
import { hrtime } from 'node:process';
import { livedThrough, ResumeWatch } from './resume-watch.js';

/** Ends a timer that has not fired yet; harmless afterwards. */
export type CancelTimer = () => void;

/** Time as an argument, so that a test never sleeps. */
export interface Clock {
  /** Wall clock, milliseconds since 1970-01-01 UTC. May jump. */
  wall(): number;
  /** Milliseconds since this boot of the operating system, time in suspend included. Never jumps. */
  sinceBoot(): number;
  /** Calls `run` once after `ms` milliseconds (0 and up; longer than 24 days is allowed). Time in suspend may not count. */
  after(ms: number, run: () => void): CancelTimer;
  /** Calls `run` each time the computer has come back from a suspend, a second after that at the latest. */
  onResume(run: () => void): CancelTimer;
}

/** Longest delay that Node's timers take; a longer one fires at once (nodejs.org, `setTimeout`). */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

const resumes = new ResumeWatch(
  readBootTime,
  // On Windows the clock of timers goes on in suspend (QueryPerformanceCounter).
  process.platform === 'win32' ? livedThrough(readBootTime) : () => performance.now(),
);

export const systemClock: Clock = {
  wall: () => Date.now(),
  sinceBoot: readBootTime,
  after: (ms, run) => {
    let timer: NodeJS.Timeout;
    const arm = (left: number): void => {
      timer = setTimeout(
        () => (left > LONGEST_TIMER_MS ? arm(left - LONGEST_TIMER_MS) : run()),
        Math.max(0, Math.min(left, LONGEST_TIMER_MS)),
      );
    };
    arm(ms);
    return () => clearTimeout(timer);
  },
  onResume: (run) => resumes.add(run),
};

/**
 * `/proc/uptime` counts CLOCK_BOOTTIME, and Windows' uptime is GetTickCount64 (libuv): both go on in suspend. Elsewhere the
 * monotonic clock has to do.
 */
function readBootTime(): number {
  if (process.platform === 'win32') return uptime() * 1000;
  if (process.platform === 'linux') {
    const seconds = Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]);
    if (Number.isFinite(seconds)) return seconds * 1000;
  }
  return Number(hrtime.bigint() / 1_000_000n);
}

/** The operating system has said that the computer came back from a suspend: nobody waits for the next look. */
export function noteResume(): void {
  resumes.resumed();
}

/** Resolves after `ms` milliseconds of `clock`. */
export function sleep(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => clock.after(ms, resolve));
}
