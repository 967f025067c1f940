import { isolationEndCauseToJSON, type ObservedIsolation } from '../../shared/gen/cordon/v1/isolation.js';

/** Longest name of a local user that is kept: a device says it. */
const LONGEST_USER = 256;

/** Who ended an isolation at the device; '' where nobody did it there. */
export function endedBy(observed: ObservedIsolation): string {
  return observed.endedBy.slice(0, LONGEST_USER);
}

/** Why an isolation is over that no operator has released, for people. */
export function endReason(observed: ObservedIsolation): string {
  const by = endedBy(observed);
  const cause = causeName(observed);
  return by === '' ? `ended on the device: ${cause}` : `ended on the device: ${cause}, by ${by}`;
}

/** The same for the audit record. */
export function endDetails(observed: ObservedIsolation): Readonly<Record<string, unknown>> {
  const by = endedBy(observed);
  return {
    isolation_id: observed.isolationId,
    cause: causeName(observed),
    ...(by === '' ? {} : { ended_by: by }),
  };
}

function causeName({ endCause }: ObservedIsolation): string {
  return isolationEndCauseToJSON(endCause).replace('ISOLATION_END_CAUSE_', '').toLowerCase();
}
