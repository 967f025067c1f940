import type { Condition, NumberRange } from './model.js';

/** Reads one value as the span that it stands for: a day is all its milliseconds. Undefined: not readable. */
export type SpanReader = (text: string) => NumberRange | undefined;

/**
 * What `is`, `greater-than` or `less-than` asks of a number: a value, or `A TO B` with or without brackets, both ends
 * included (OpenIOC 1.1: `[154192 TO 154192]`). Undefined: not readable, or a range with another condition than `is`.
 */
export function readRange(text: string, condition: Condition, read: SpanReader): NumberRange | undefined {
  const [left = '', right, ...rest] = withoutBrackets(text).split(/\s+TO\s+/i);
  if (rest.length > 0) return undefined;
  const from = read(left.trim());
  const to = right === undefined ? from : read(right.trim());
  if (from === undefined || to === undefined || from.from > to.to) return undefined;
  if (condition === 'is') return { from: from.from, to: to.to };
  if (right !== undefined) return undefined;
  if (condition === 'greater-than') return { from: from.to, to: Infinity, exclusive: 'from' };
  if (condition === 'less-than') return { from: -Infinity, to: from.from, exclusive: 'to' };
  return undefined;
}

function withoutBrackets(text: string): string {
  return text.startsWith('[') && text.endsWith(']') ? text.slice(1, -1) : text;
}

/** A whole number, decimal or `0x` and hexadecimal digits. */
export const readInteger: SpanReader = (text) => {
  if (!/^([+-]?\d{1,20}|0x[0-9a-f]{1,16})$/i.test(text)) return undefined;
  const value = Number(text);
  return { from: value, to: value };
};

/** Seconds: a number, `h:mm:ss` or an ISO 8601 duration of days and less (`PT1H30M`, `P2DT0.5S`). */
export const readDuration: SpanReader = (text) => {
  const seconds = /^\d{1,12}(\.\d{1,9})?$/.test(text) ? Number(text) : (clockTime(text) ?? isoDuration(text));
  return seconds === undefined ? undefined : { from: seconds, to: seconds };
};

function clockTime(text: string): number | undefined {
  const parts = /^(\d{1,6}):([0-5]\d):([0-5]\d(?:\.\d{1,9})?)$/.exec(text);
  return parts ? Number(parts[1]) * 3600 + Number(parts[2]) * 60 + Number(parts[3]) : undefined;
}

function isoDuration(text: string): number | undefined {
  const parts =
    /^P(?!$)(?:(\d{1,6})D)?(?:T(?!$)(?:(\d{1,9})H)?(?:(\d{1,9})M)?(?:(\d{1,9}(?:\.\d{1,9})?)S)?)?$/i.exec(
      text,
    );
  if (!parts) return undefined;
  const [days = 0, hours = 0, minutes = 0, seconds = 0] = parts.slice(1).map((part) => Number(part ?? 0));
  return days * 86_400 + hours * 3600 + minutes * 60 + seconds;
}

const DATE = /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?\s?(Z|[+-]\d\d:?\d\d)?)?$/i;
const DAY_MS = 86_400_000;

/**
 * ISO 8601 in UTC (`Z`) or with an offset; without either, UTC. A date without time is the whole day, a time without
 * fraction the whole second, since files and logs keep more digits than documents tell.
 */
export const readDate: SpanReader = (text) => {
  const parts = DATE.exec(text);
  if (!parts) return undefined;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = parts
    .slice(1, 7)
    .map((part) => Number(part ?? 0));
  const ms = Math.floor(Number(`0.${parts[7] ?? 0}`) * 1000);
  const time = Date.UTC(year, month - 1, day, hour, minute, second, ms);
  // Date.UTC carries over (32 January) and takes years below 100 for those of the last century: neither is what was written.
  const shown = [year, month, day].map((part) => String(part).padStart(2, '0')).join('-');
  if (new Date(time).toISOString().slice(0, 10) !== shown.padStart(10, '0')) return undefined;
  if (hour > 23 || minute > 59 || second > 59) return undefined;
  const from = time - offsetMs(parts[8]);
  const span = parts[4] === undefined ? DAY_MS : parts[7] === undefined ? 1000 : 1;
  return { from, to: from + span - 1 };
};

function offsetMs(zone: string | undefined): number {
  if (zone === undefined || zone.toUpperCase() === 'Z') return 0;
  const minutes = Number(zone.slice(1, 3)) * 60 + Number(zone.slice(-2));
  return (zone.startsWith('-') ? -minutes : minutes) * 60_000;
}
