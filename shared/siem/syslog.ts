import { escapedJson } from '../command-line/escaped-controls.js';
import { printable } from '../command-line/printable.js';
import type { Event } from '../gen/cordon/v1/event_service.js';
import { eventRecord, eventTime, type EventRecord } from './json-line.js';
import { syslogSeverity } from './severity.js';
import { cutText, shrink, type Measure } from './shrink.js';

/** `log audit` (RFC 5424, section 6.2.1). */
const FACILITY = 13;
/** The enterprise number that RFC 5612 gives to documentation: this project has none of its own. */
const STRUCTURED_DATA_ID = 'cordon@32473';
const APP_NAME = 'cordon-server';
const NIL = '-';
const BOM = '\ufeff';
/** Longest value in the structured data, UTF-16 units. */
const LONGEST_PARAM = 96;

/** Longest message, bytes: what common receivers take without being asked. */
export const LONGEST_SYSLOG = 8192;

export interface SyslogOptions {
  /** HOSTNAME: the computer that says it. */
  readonly host: string;
  /** Longest message, bytes, 2048 and up. Default 8192. */
  readonly mostBytes?: number;
}

/** Tried one after the other until the message is short enough. */
const MEASURES: readonly Measure[] = [
  { text: 512, items: 64, properties: 64, levels: 8 },
  { text: 128, items: 16, properties: 32, levels: 8 },
  { text: 64, items: 4, properties: 24, levels: 6 },
  { text: 32, items: 1, properties: 16, levels: 4 },
];

/** Without details. */
const SMALLEST: Measure = { text: 32, items: 0, properties: 16, levels: 2 };

/**
 * An event as a syslog message (RFC 5424), without framing. The structured data holds what events are searched by; the
 * message is the event as JSON, as in `toJsonLine`. Where that is too long its texts and lists are cut, it stays JSON, and
 * `details_cut` is true; where nothing helps there is no message. No control character of an event reaches the line.
 */
export function toSyslog(event: Event, { host, mostBytes = LONGEST_SYSLOG }: SyslogOptions): string {
  const record = eventRecord(event);
  const header = [
    `<${FACILITY * 8 + syslogSeverity(event.severity).code}>1`,
    eventTime(event) || NIL,
    name(host, 255),
    APP_NAME,
    NIL,
    name(event.action, 32),
    structuredData(record),
  ].join(' ');
  const room = mostBytes - Buffer.byteLength(header) - Buffer.byteLength(` ${BOM}`);
  const message = messageWithin(record, room);
  return message === undefined ? header : `${header} ${BOM}${message}`;
}

function messageWithin(record: EventRecord, room: number): string | undefined {
  const whole = json(record);
  if (Buffer.byteLength(whole) <= room) return whole;
  for (const measure of MEASURES) {
    const cut = shrink({ ...record, details_cut: true }, { ...measure, levels: measure.levels + 1 });
    const text = json(cut);
    if (Buffer.byteLength(text) <= room) return text;
  }
  const bare = json(shrink({ ...record, details: {}, details_cut: true }, SMALLEST));
  return Buffer.byteLength(bare) <= room ? bare : undefined;
}

function json(value: unknown): string {
  return escapedJson(JSON.stringify(value));
}

/** The event's own fields that are not empty. */
function structuredData(record: EventRecord): string {
  const params = [
    ['sequence', String(record.sequence)],
    ['severity', record.severity],
    ['actor', record.actor],
    ['device_id', record.device_id],
    ['device_name', record.device_name],
    ['reason', record.reason],
  ] as const;
  const shown = params
    .filter(([, value]) => value !== '')
    .map(([param, value]) => `${param}="${paramValue(value)}"`);
  return `[${[STRUCTURED_DATA_ID, ...shown].join(' ')}]`;
}

/** PARAM-VALUE: `"`, `\` and `]` are escaped, and nothing else may be. */
function paramValue(text: string): string {
  return printable(cutText(text, LONGEST_PARAM)).replace(/["\\\]]/g, '\\$&');
}

/** HOSTNAME or MSGID: printable ASCII without blanks, `-` where there is nothing. */
function name(text: string, longest: number): string {
  return text.replace(/[^!-~]/g, '_').slice(0, longest) || NIL;
}
