import { InvalidArgumentError } from 'commander';
import { parseDuration } from '../../shared/time.js';

const DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'] as const;

/** A moment that a person gave. */
export type Moment =
  | { readonly kind: 'at'; readonly wallMs: number }
  /** Milliseconds from now. */
  | { readonly kind: 'in'; readonly ms: number };

/** `--daily 03:00` as a cron expression. */
export function parseDaily(text: string): string {
  const clock = parseClock(text);
  if (!clock) throw new InvalidArgumentError('Write a time of day from 00:00 to 23:59.');
  return `${clock.minute} ${clock.hour} * * *`;
}

/** `--weekly "sun 03:00"`, `"mon,thu 22:30"` as a cron expression. */
export function parseWeekly(text: string): string {
  const [, names = '', time = ''] = /^\s*([a-z]+(?:\s*,\s*[a-z]+)*)\s+(\S+)\s*$/i.exec(text) ?? [];
  const clock = parseClock(time);
  const days = names.split(',').map((name) => dayNumber(name.trim()));
  if (!clock || days.includes(-1)) {
    throw new InvalidArgumentError('Write days and a time of day, such as "sun 03:00" or "mon,thu 22:30".');
  }
  const list = [...new Set(days)].sort((a, b) => a - b).join(',');
  return `${clock.minute} ${clock.hour} * * ${list}`;
}

/** `--cron`: five fields; the server says what is wrong with one of them. */
export function parseCron(text: string): string {
  const fields = text.trim().split(/\s+/);
  if (fields.length !== 5) {
    throw new InvalidArgumentError(
      'Write five fields: minute, hour, day of month, month, day of week, such as "30 2 * * 1-5".',
    );
  }
  return fields.join(' ');
}

/** `--at`: a time with its zone, or `+2h`. */
export function parseMoment(text: string): Moment {
  if (text.startsWith('+')) {
    const ms = parseDuration(text.slice(1));
    if (ms !== undefined) return { kind: 'in', ms };
  } else if (/^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?(Z|[+-]\d\d:\d\d)$/i.test(text)) {
    const wallMs = Date.parse(text.replace(' ', 'T'));
    if (!Number.isNaN(wallMs)) return { kind: 'at', wallMs };
  }
  throw new InvalidArgumentError(
    'Write a time with its zone, such as 2030-05-01T03:00Z or 2030-05-01T03:00+02:00, or a time from now: +2h.',
  );
}

/** Milliseconds since 1970. */
export function momentAt(moment: Moment, now: number): number {
  return moment.kind === 'at' ? moment.wallMs : now + moment.ms;
}

/** A cron expression as people say it; one that is not so simple stays as it is. */
export function cronWords(expression: string): string {
  const [minute = '', hour = '', day = '', month = '', weekday = ''] = expression.trim().split(/\s+/);
  if (isNumber(minute) && month === '*') {
    if (hour === '*' && day === '*' && weekday === '*') return `every hour, ${minute} minutes past`;
    if (isNumber(hour)) {
      const at = `at ${hour.padStart(2, '0')}:${minute.padStart(2, '0')}`;
      if (day === '*' && weekday === '*') return `every day ${at}`;
      const days = weekdayWords(weekday);
      if (day === '*' && days) return `every ${days} ${at}`;
      if (isNumber(day) && weekday === '*') return `every month on day ${day} ${at}`;
    }
  }
  return `cron "${expression}"`;
}

function weekdayWords(field: string): string | undefined {
  const [, from, to] = /^(\d)-(\d)$/.exec(field) ?? [];
  const numbers = from && to ? range(Number(from), Number(to)) : field.split(',').map(dayOf);
  const names = numbers.map((number) => DAYS[number % 7]);
  if (names.length === 0 || names.some((name) => name === undefined)) return undefined;
  return names.length > 1 ? `${names.slice(0, -1).join(', ')} and ${names.at(-1)}` : names[0];
}

function dayOf(field: string): number {
  return /^[0-7]$/.test(field) ? Number(field) : dayNumber(field);
}

function range(from: number, to: number): number[] {
  return from <= to && to <= 7 ? Array.from({ length: to - from + 1 }, (_, at) => from + at) : [];
}

/** 0 for Sunday; -1 for what is no day. Three letters and more will do. */
function dayNumber(name: string): number {
  if (name.length < 3) return -1;
  return DAYS.findIndex((day) => day.toLowerCase().startsWith(name.toLowerCase()));
}

function parseClock(text: string): { readonly hour: number; readonly minute: number } | undefined {
  const [, hour, minute] = /^([01]?\d|2[0-3]):([0-5]\d)$/.exec(text) ?? [];
  return hour === undefined ? undefined : { hour: Number(hour), minute: Number(minute) };
}

function isNumber(field: string): boolean {
  return /^\d{1,2}$/.test(field);
}
