/** A point in time on both clocks of one boot. */
export interface Moment {
  /** Which boot `sinceBootMs` counts in. */
  readonly bootId: string;
  /** Milliseconds since that boot, suspend included. Never jumps. */
  readonly sinceBootMs: number;
  /** Wall clock, milliseconds since 1970. May jump. */
  readonly wallMs: number;
}

/** A point in time to come, kept so that a clock jump neither extends nor cuts the time left. */
export interface Deadline {
  /** When it falls due, on both clocks as they stood when it was set. */
  readonly due: Moment;
  /** Time that was left when it was set, milliseconds; it never grows beyond this. */
  readonly totalMs: number;
}

export function deadlineIn(ms: number, now: Moment): Deadline {
  const due = { bootId: now.bootId, sinceBootMs: now.sinceBootMs + ms, wallMs: now.wallMs + ms };
  return { due, totalMs: ms };
}

/**
 * Time left, milliseconds; 0 or less: due. Within one boot only the time since boot counts. After a reboot there is
 * nothing but the wall clock; one that was set back cannot make the wait longer than it ever was.
 */
export function remainingMs({ due, totalMs }: Deadline, now: Moment): number {
  if (due.bootId === now.bootId) return due.sinceBootMs - now.sinceBootMs;
  return Math.min(totalMs, due.wallMs - now.wallMs);
}

/** The same deadline counted in the present boot, so that later jumps of the wall clock do not matter again. */
export function reanchored(deadline: Deadline, now: Moment): Deadline {
  return deadline.due.bootId === now.bootId ? deadline : deadlineIn(remainingMs(deadline, now), now);
}

/** When the deadline falls due on the wall clock as it stands now, for people. */
export function dueWallMs(deadline: Deadline, now: Moment): number {
  return now.wallMs + remainingMs(deadline, now);
}

/** Time from `start` to `now`, milliseconds, 0 and up; across a reboot by the wall clock. */
export function elapsedMs(start: Moment, now: Moment): number {
  const elapsed =
    start.bootId === now.bootId ? now.sinceBootMs - start.sinceBootMs : now.wallMs - start.wallMs;
  return Math.max(0, elapsed);
}
