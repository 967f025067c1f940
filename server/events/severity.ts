import { EventSeverity } from '../../shared/gen/cordon/v1/event_service.js';

const {
  EVENT_SEVERITY_INFORMATIONAL: INFORMATIONAL,
  EVENT_SEVERITY_NOTICE: NOTICE,
  EVENT_SEVERITY_WARNING: WARNING,
  EVENT_SEVERITY_ALERT: ALERT,
} = EventSeverity;

/** What is more, or less, than a change that somebody may want to know of. */
const SEVERITIES: ReadonlyMap<string, EventSeverity> = new Map([
  // An indicator of compromise, tampering, or a second computer with a device's identity.
  ['alert.raised', ALERT],
  ['device.tamper', ALERT],
  ['device.clone_suspected', ALERT],
  // What ought not to happen.
  ['alert.dropped', WARNING],
  ['device.release_refused', WARNING],
  ['isolation.adopted', WARNING],
  ['isolation.started', WARNING],
  // Every day.
  ['certificate.renew', INFORMATIONAL],
  ['command.cancel', INFORMATIONAL],
  ['command.create', INFORMATIONAL],
  ['stream.replaced', INFORMATIONAL],
]);

/** How much a record of the audit log matters. */
export function severityOf(action: string): EventSeverity {
  return SEVERITIES.get(action) ?? NOTICE;
}
