import type { EvidenceCheck, ObservedIsolation } from '../../shared/gen/cordon/v1/isolation.js';
import type { Duration } from '../../shared/gen/google/protobuf/duration.js';
import type { Timestamp } from '../../shared/gen/google/protobuf/timestamp.js';
import { isId } from '../../shared/ids.js';
import { fromTimestamp } from '../../shared/time.js';

/** More than any agent says; the reason is the operator's own, 1000 characters. */
const LONGEST_TEXT = 2000;
/** Of a user, a detector or an exclusion. */
const LONGEST_NAME = 256;
const LONGEST_DETAIL = 1000;
const MOST_UNSUPPORTED = 1000;
const MOST_CHECKS = 64;
const HASH_BYTES = 64;
/** The end of the year 9999 and 10,000 years: what `google.protobuf.Timestamp` and `Duration` can be written as. */
const LAST_SECOND = 253_402_300_799n;
const MOST_SECONDS = 315_576_000_000n;

/** A text of a device, cut to what is kept of it: whole characters, for half of one cannot be stored. */
export function bounded(text: string, longest = LONGEST_DETAIL): string {
  return text.length <= longest ? text : text.slice(0, longest).replace(/[\ud800-\udbff]$/, '');
}

/**
 * What is kept and shown of a device's report. A device that somebody else owns may say anything: times that no client can
 * print, and texts that fill every answer they are part of, would keep operators from reading about all the others.
 */
export function boundedObserved(observed: ObservedIsolation): ObservedIsolation {
  const { evidence } = observed;
  return {
    ...observed,
    isolationId: isId(observed.isolationId) ? observed.isolationId : '',
    reason: bounded(observed.reason, LONGEST_TEXT),
    requestedBy: bounded(observed.requestedBy, LONGEST_NAME),
    degradedReason: bounded(observed.degradedReason, LONGEST_TEXT),
    endedBy: somebodyThere(bounded(observed.endedBy, LONGEST_NAME)),
    enforcedAt: boundedTime(observed.enforcedAt),
    until: boundedTime(observed.until),
    endedAt: boundedTime(observed.endedAt),
    enforceLatency: boundedDuration(observed.enforceLatency),
    unsupportedExclusions: observed.unsupportedExclusions
      .slice(0, MOST_UNSUPPORTED)
      .map(({ name, detail }) => ({ name: bounded(name, LONGEST_NAME), detail: bounded(detail) })),
    evidence: evidence && {
      ...evidence,
      checks: evidence.checks.slice(0, MOST_CHECKS).map(check),
      checkedAt: boundedTime(evidence.checkedAt),
      rulesHash: evidence.rulesHash.subarray(0, HASH_BYTES),
    },
  };
}

function check({ name, detail, ...rest }: EvidenceCheck): EvidenceCheck {
  return { ...rest, name: bounded(name, LONGEST_NAME), detail: bounded(detail) };
}

/** No name of an operator has a colon: whoever ended an isolation at a device must not pass for one. */
function somebodyThere(name: string): string {
  return name === '' || name.includes(':') ? name : `local:${name}`;
}

/** A time that every client can write; undefined: none. */
export function boundedTime(at: Timestamp | undefined): Timestamp | undefined {
  return at && at.seconds >= 0n && at.seconds <= LAST_SECOND && isNanos(at.nanos) ? at : undefined;
}

/** The same in milliseconds since 1970; `otherwise` where there is none. */
export function wallTime(at: Timestamp | undefined, otherwise: number): number {
  const known = boundedTime(at);
  return known ? fromTimestamp(known) : otherwise;
}

/** A duration that every client can write; undefined: none. */
export function boundedDuration(time: Duration | undefined): Duration | undefined {
  return time && time.seconds >= 0n && time.seconds <= MOST_SECONDS && isNanos(time.nanos) ? time : undefined;
}

function isNanos(nanos: number): boolean {
  return nanos >= 0 && nanos <= 999_999_999;
}
