import { escapedJson } from '../command-line/escaped-controls.js';
import type { Event } from '../gen/cordon/v1/event_service.js';
import { fromTimestamp } from '../time.js';
import { syslogSeverity } from './severity.js';

/** An event as a SIEM reads it. Names stay; more may come. */
export interface EventRecord {
  /** Number in the audit log: two records with the same one are the same event. */
  readonly sequence: number;
  /** RFC 3339, UTC, milliseconds. Empty: the event has none. */
  readonly time: string;
  readonly action: string;
  /** `alert`, `warning`, `notice` or `informational`. */
  readonly severity: string;
  readonly actor: string;
  readonly device_id: string;
  readonly device_name: string;
  readonly reason: string;
  /** The event's details, as an object. */
  readonly details: unknown;
}

/** An event as plain data. */
export function eventRecord(event: Event): EventRecord {
  return {
    sequence: Number(event.sequence),
    time: eventTime(event),
    action: event.action,
    severity: syslogSeverity(event.severity).name,
    actor: event.actor,
    device_id: event.deviceId,
    device_name: event.deviceName,
    reason: event.reason,
    details: detailsOf(event.detailsJson),
  };
}

/**
 * An event as one line of JSON, without the line break. Everything that a terminal or a reader of lines obeys is escaped,
 * wherever it came from.
 */
export function toJsonLine(event: Event): string {
  return escapedJson(JSON.stringify(eventRecord(event)));
}

/** When the event was recorded, RFC 3339; empty where it says nothing that can be written so. */
export function eventTime({ occurredAt }: Event): string {
  if (!occurredAt) return '';
  const date = new Date(fromTimestamp(occurredAt));
  // A year of more than four digits is written with a sign, which no reader of RFC 3339 takes.
  return Number.isNaN(date.getTime()) || !/^\d{4}-/.test(date.toISOString()) ? '' : date.toISOString();
}

/** What is no JSON is kept as it is: a reader must not lose an event over its details. */
function detailsOf(json: string): unknown {
  if (json === '') return {};
  try {
    return JSON.parse(json);
  } catch {
    return { text: json };
  }
}
