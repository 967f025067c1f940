import { hash } from 'node:crypto';
import { Occurrences } from './schedule.js';

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

/** How late a run may start that is left out when it is missed, milliseconds. */
export const MISSED_AFTER_MS = 15 * MINUTE;
/** How late the only run of a task may start, milliseconds. */
export const ONCE_WITHIN_MS = 7 * DAY;
/** How far back a start that was not planned in time is looked for, nearest first, milliseconds. */
const LOOK_BACK_MS = [DAY / 12, 2 * DAY, 35 * DAY, 400 * DAY];

/** When a task wants to run. */
export interface Timing {
  /** Cron expression; '': none. */
  readonly schedule: string;
  /** The only start, milliseconds since 1970; undefined: none. */
  readonly startAt: number | undefined;
  /** Time zone of the schedule; '': each device's own. */
  readonly timeZone: string;
  /** Each device starts up to this much later, milliseconds. */
  readonly spreadMs: number;
  readonly skipMissed: boolean;
}

/** What of a device its starts depend on. */
export interface StartingDevice {
  readonly id: string;
  /** IANA time zone; '': not known. */
  readonly timeZone: string;
}

/**
 * The starts of one task, the same however often they are asked for: the random part of each is made from the task, the
 * device and the moment that the schedule names.
 */
export class Starts {
  private readonly zones = new Map<string, Occurrences>();

  constructor(
    private readonly taskId: string,
    private readonly timing: Timing,
  ) {}

  /** Whether the task runs by itself at all. */
  get hasTimes(): boolean {
    return this.timing.schedule !== '' || this.timing.startAt !== undefined;
  }

  /** Whether the other names the same starts. */
  sameTimes({ timing }: Starts): boolean {
    const { schedule, startAt, timeZone, spreadMs } = this.timing;
    return (
      schedule === timing.schedule &&
      startAt === timing.startAt &&
      timeZone === timing.timeZone &&
      spreadMs === timing.spreadMs
    );
  }

  /** First start of the device after `after`; undefined: none. Milliseconds since 1970. */
  next(device: StartingDevice, after: number): number | undefined {
    const { spreadMs } = this.timing;
    let first: number | undefined;
    for (
      let moment = this.moment(device, after - spreadMs);
      moment !== undefined && (first === undefined || moment < first);
      moment = this.moment(device, moment)
    ) {
      const start = moment + this.part(device, moment);
      if (start > after && (first === undefined || start < first)) first = start;
    }
    return first;
  }

  /** Last start of the device after `after` and up to `now`; undefined: none. */
  latest(device: StartingDevice, after: number, now: number): number | undefined {
    for (const back of LOOK_BACK_MS) {
      let last: number | undefined;
      const from = Math.max(after, now - back);
      for (let start = this.next(device, from); start !== undefined && start <= now;) {
        last = start;
        start = this.next(device, start);
      }
      if (last !== undefined || from === after) return last;
    }
    return undefined;
  }

  /** Until when a run with this start may begin. */
  expiry(device: StartingDevice, start: number): number {
    const soon = start + MISSED_AFTER_MS;
    if (this.timing.skipMissed) return soon;
    if (this.timing.startAt !== undefined) return start + ONCE_WITHIN_MS;
    return Math.max(this.next(device, start) ?? start + ONCE_WITHIN_MS, soon);
  }

  /** What the schedule names, without the random part. */
  private moment(device: StartingDevice, after: number): number | undefined {
    const { schedule, startAt, timeZone } = this.timing;
    if (startAt !== undefined) return startAt > after ? startAt : undefined;
    if (schedule === '') return undefined;
    const zone = timeZone === '' ? device.timeZone : timeZone;
    const known = this.zones.get(zone);
    const occurrences = known ?? new Occurrences(schedule, zone);
    if (!known) this.zones.set(zone, occurrences);
    return occurrences.after(after);
  }

  /** 0 up to the spread, milliseconds. */
  private part({ id }: StartingDevice, moment: number): number {
    const { spreadMs } = this.timing;
    if (spreadMs === 0) return 0;
    const bytes = hash('sha256', `${this.taskId}/${id}/${moment}`, 'buffer');
    return Math.floor((bytes.readUIntBE(0, 6) / 2 ** 48) * spreadMs);
  }
}
