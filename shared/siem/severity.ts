import { EventSeverity } from '../gen/cordon/v1/event_service.js';

/** Name and number of a severity in RFC 5424, section 6.2.1. */
export interface SyslogSeverity {
  readonly name: 'alert' | 'warning' | 'notice' | 'informational';
  readonly code: 1 | 4 | 5 | 6;
}

/** The severity of an event as syslog counts it; one that this version does not know is a notice. */
export function syslogSeverity(severity: EventSeverity): SyslogSeverity {
  switch (severity) {
    case EventSeverity.EVENT_SEVERITY_ALERT:
      return { name: 'alert', code: 1 };
    case EventSeverity.EVENT_SEVERITY_WARNING:
      return { name: 'warning', code: 4 };
    case EventSeverity.EVENT_SEVERITY_INFORMATIONAL:
      return { name: 'informational', code: 6 };
    // Also the numbers that a newer server sends.
    default:
      return { name: 'notice', code: 5 };
  }
}
