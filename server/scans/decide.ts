import type { Starts, StartingDevice } from './starts.js';

/** What of a task is needed to plan it. */
export interface PlannedTask {
  readonly id: string;
  readonly version: number;
  /** When its times were set, milliseconds since 1970. */
  readonly scheduledAt: number;
  /** When it was changed, if not all of its devices have been planned since; undefined: they have. */
  readonly planFrom: number | undefined;
}

/** How far the task is planned on the device. */
export interface Plan {
  readonly version: number;
  readonly timeZone: string;
  readonly plannedTo: number;
  readonly lookAt: number | null;
}

/** An unfinished run of the task on the device. */
export interface OpenRun {
  readonly id: string;
  readonly version: number;
  /** Made by the schedule. */
  readonly scheduled: boolean;
  /** The device has started it, by all that is known. */
  readonly begun: boolean;
  /** Milliseconds since 1970; null: at once. */
  readonly notBefore: number | null;
  readonly expiresAt: number;
  readonly requestedBy: string;
}

export interface WantedRun {
  /** Operator who asked for it; undefined: the schedule wants it. */
  readonly requestedBy: string | undefined;
  readonly notBefore: number | null;
  readonly expiresAt: number;
}

/** What has to be done for one task on one device. */
export interface Decision {
  /** Runs to take back. */
  readonly withdraw: readonly string[];
  readonly make: readonly WantedRun[];
  /** The plan afterwards; undefined: none is kept. */
  readonly plan: Plan | undefined;
}

/**
 * Brings the runs of a task on a device in step with the task: one run that is due later, one that is due now if its time
 * has come and it was not planned yet, and none that does not fit. Deciding again about what came of it changes nothing.
 * @param device undefined: the task is not for it any more
 * @param plan undefined: it was not planned there before
 */
export function decide(
  task: PlannedTask,
  starts: Starts,
  device: StartingDevice | undefined,
  plan: Plan | undefined,
  runs: readonly OpenRun[],
  now: number,
): Decision {
  const waiting = runs.filter(({ begun }) => !begun);
  if (!device) return { withdraw: waiting.map(({ id }) => id), make: [], plan: undefined };

  const current = plan?.version === task.version && plan.timeZone === device.timeZone;
  const planned = current && plan.plannedTo > now ? undefined : newStarts(task, starts, device, plan, now);
  const make = [...(planned?.runs ?? [])];
  const withdraw: string[] = [];
  for (const run of waiting) {
    const isDue = run.notBefore === null || run.notBefore <= now;
    if (run.version === task.version && (isDue || current)) continue;
    const same = make.findIndex(({ notBefore }) => notBefore === run.notBefore);
    if (run.version === task.version && same !== -1) {
      make.splice(same, 1);
      continue;
    }
    withdraw.push(run.id);
    // One whose time has come stays wanted, unless its time was that of an earlier schedule.
    const wanted = isDue && (!run.scheduled || (run.notBefore ?? 0) > task.scheduledAt);
    if (wanted && same === -1) {
      const requestedBy = run.scheduled ? undefined : run.requestedBy;
      make.push({ requestedBy, notBefore: run.notBefore, expiresAt: run.expiresAt });
    }
  }
  return { withdraw, make, plan: planned ? planned.plan : plan };
}

function newStarts(
  task: PlannedTask,
  starts: Starts,
  device: StartingDevice,
  plan: Plan | undefined,
  now: number,
): { readonly runs: readonly WantedRun[]; readonly plan: Plan | undefined } {
  const done = doneUpTo(task, device, plan, now);
  const due = starts.latest(device, done, now);
  const later = starts.next(device, Math.max(due ?? done, now));
  const runs = [due, later].flatMap((start): WantedRun[] => {
    if (start === undefined) return [];
    const expiresAt = starts.expiry(device, start);
    return expiresAt > now ? [{ requestedBy: undefined, notBefore: start, expiresAt }] : [];
  });
  const plannedTo = later ?? due;
  if (!starts.hasTimes && !plan) return { runs, plan: undefined };
  const { version } = task;
  return {
    runs,
    plan: {
      version,
      timeZone: device.timeZone,
      plannedTo: plannedTo ?? done,
      lookAt: later ?? null,
    },
  };
}

/** Starts up to this moment are planned, done or given up. */
function doneUpTo(task: PlannedTask, device: StartingDevice, plan: Plan | undefined, now: number): number {
  // A device that comes to the task later does not make up for what the others have done.
  if (!plan) return Math.min(task.planFrom ?? now, now);
  if (plan.version === task.version && plan.timeZone === device.timeZone) return plan.plannedTo;
  // What was planned for later is planned anew.
  return Math.max(Math.min(plan.plannedTo, now), task.scheduledAt);
}
