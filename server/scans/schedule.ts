import { Cron } from 'croner';

const LONGEST_SCHEDULE = 200;

/**
 * The rule that a schedule breaks; undefined if it is in order. The minute is one number: that is what "not more often than
 * once an hour" comes to.
 */
export function scheduleProblem(schedule: string, now: number): string | undefined {
  if (schedule.length > LONGEST_SCHEDULE) return `must have at most ${LONGEST_SCHEDULE} characters`;
  const fields = schedule.trim().split(/\s+/);
  if (fields.length !== 5) {
    return (
      'must be a cron expression of five fields (minute, hour, day of month, month, day of week), for example ' +
      `"0 3 * * 1-5"; it has ${fields.length}`
    );
  }
  const minute = fields[0] ?? '';
  if (!/^[0-5]?[0-9]$/.test(minute)) {
    return `must not run more often than once an hour: its minute must be one number from 0 to 59, not "${minute}"`;
  }
  try {
    if (makeCron(schedule, 'UTC').nextRun(new Date(now)) === null) return 'names a time that never comes';
    return undefined;
  } catch (error) {
    const detail = error instanceof Error ? error.message.replace(/^Cron\w+: /, '') : String(error);
    return `is no cron expression: ${detail}`;
  }
}

/** Whether this is a time zone of the IANA database that this computer knows; offsets such as `+01:00` are none. */
export function isTimeZone(name: string): boolean {
  if (!/^[A-Za-z]/.test(name)) return false;
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

/** The moments that a schedule names in one time zone. */
export class Occurrences {
  private readonly cron: Cron;
  /** Devices of a task ask for the same moments again and again. */
  private readonly known = new Map<number, number | undefined>();

  /**
   * @param schedule without a problem
   * @param zone time zone of the IANA database; one that is not known is taken for UTC
   */
  constructor(schedule: string, zone: string) {
    this.cron = makeCron(schedule, isTimeZone(zone) ? zone : 'UTC');
  }

  /**
   * The first moment after `after`, both in milliseconds since 1970; undefined: there is none. Where the clock is set
   * forward over it, it is the moment when the clock goes on; where it is set back, it comes once.
   */
  after(after: number): number | undefined {
    // A schedule names whole seconds: what is asked within one has one answer.
    const second = Math.floor(after / 1000) * 1000;
    if (this.known.has(second)) return this.known.get(second);
    const next = this.cron.nextRun(new Date(second))?.getTime();
    if (this.known.size >= MOST_KNOWN) this.known.clear();
    this.known.set(second, next);
    return next;
  }
}

const MOST_KNOWN = 10_000;

function makeCron(schedule: string, timezone: string): Cron {
  return new Cron(schedule.trim(), { mode: '5-part', timezone, paused: true });
}
