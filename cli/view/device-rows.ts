import { ConnectionState, type Device } from '../../shared/gen/cordon/v1/device.js';
import {
  CheckResult,
  EnforcerKind,
  IsolationAction,
  IsolationMode,
  IsolationState,
  Verification,
  checkResultToJSON,
  enforcerKindToJSON,
  type EvidenceCheck,
} from '../../shared/gen/cordon/v1/isolation.js';
import type { Timestamp } from '../../shared/gen/google/protobuf/timestamp.js';
import { formatDuration, fromDuration, fromTimestamp } from '../../shared/time.js';
import { endCauseText } from '../wait/progress.js';
import { cell, type Cell } from './table.js';

export const DEVICE_HEADINGS = ['NAME', 'STATE', 'VERIFIED', 'REMAINING', 'CONNECTION', 'ID'] as const;

/** A device in a list. `now` is milliseconds since 1970. */
export function deviceRow(device: Device, now: number): Cell[] {
  return [
    cell(device.name),
    stateCell(device, now),
    verifiedCell(device, now),
    remainingCell(device, now),
    connectionCell(device, now),
    cell(device.id, 'faint'),
  ];
}

/** What is known, never what is hoped for: an order that the device has not reported is pending. */
export function stateCell(device: Device, now: number): Cell {
  if (device.rejection) return cell(`refused → stays ${observedWord(device)}`, 'bad');
  if (device.observedGeneration < device.generation) {
    return cell(`pending → ${desiredWord(device)}`, 'waiting');
  }
  const state = device.observed?.state;
  if (isEnforcing(state) && device.observed?.enforcer === EnforcerKind.ENFORCER_KIND_RECORDING) {
    return cell('simulated', 'waiting');
  }
  if (isOver(device, now)) return cell('not known (time is up)', 'waiting');
  const word = observedWord(device);
  switch (state) {
    case IsolationState.ISOLATION_STATE_ISOLATED:
      return cell(
        device.observed?.mode === IsolationMode.ISOLATION_MODE_AUTOMATIC ? `${word} (automatic)` : word,
        'good',
      );
    case IsolationState.ISOLATION_STATE_DEGRADED:
      return cell(word, 'bad');
    case IsolationState.ISOLATION_STATE_ENFORCING:
    case IsolationState.ISOLATION_STATE_RELEASING:
      return cell(word, 'waiting');
    default:
      return cell(word);
  }
}

/** The packet filter lets go at that time, whether or not anybody is there to tell. */
function isOver({ observed }: Device, now: number): boolean {
  return (
    isEnforcing(observed?.state) && observed?.until !== undefined && fromTimestamp(observed.until) <= now
  );
}

function isEnforcing(state: IsolationState | undefined): boolean {
  return (
    state === IsolationState.ISOLATION_STATE_ISOLATED ||
    state === IsolationState.ISOLATION_STATE_ENFORCING ||
    state === IsolationState.ISOLATION_STATE_DEGRADED
  );
}

function observedWord({ observed }: Device): string {
  switch (observed?.state) {
    case IsolationState.ISOLATION_STATE_RELEASED:
      return 'released';
    case IsolationState.ISOLATION_STATE_ENFORCING:
      return 'enforcing';
    case IsolationState.ISOLATION_STATE_ISOLATED:
      return 'isolated';
    case IsolationState.ISOLATION_STATE_RELEASING:
      return 'releasing';
    case IsolationState.ISOLATION_STATE_DEGRADED:
      return 'degraded';
    default:
      return 'not known';
  }
}

function desiredWord({ directive }: Device): string {
  switch (directive?.action) {
    case IsolationAction.ISOLATION_ACTION_ISOLATE:
      return 'isolated';
    case IsolationAction.ISOLATION_ACTION_RELEASE:
      return 'released';
    default:
      return 'new settings';
  }
}

/** The proof, as the device gave it. A simulation proves nothing. */
export function verifiedCell(device: Device, now: number): Cell {
  const { observed } = device;
  if (!isEnforcing(observed?.state) || isOver(device, now)) return cell('-', 'faint');
  if (observed?.enforcer === EnforcerKind.ENFORCER_KIND_RECORDING) return cell('no (simulated)', 'waiting');
  return verificationCell(observed?.evidence?.verification);
}

export function verificationCell(verification: Verification | undefined): Cell {
  switch (verification) {
    case Verification.VERIFICATION_VERIFIED:
      return cell('yes', 'good');
    case Verification.VERIFICATION_PARTIAL:
      return cell('in part', 'waiting');
    case Verification.VERIFICATION_UNVERIFIED:
      return cell('NO', 'bad');
    default:
      return cell('not checked', 'waiting');
  }
}

/** Time until the isolation ends by itself. */
export function remainingCell({ observed }: Device, now: number): Cell {
  if (!isEnforcing(observed?.state)) return cell('-', 'faint');
  if (!observed?.until) return cell('no end');
  const left = fromTimestamp(observed.until) - now;
  return left > 0 ? cell(formatDuration(left)) : cell('over; not reported', 'waiting');
}

export function connectionCell(device: Device, now: number): Cell {
  if (device.banned) return cell('banned', 'bad');
  const suspected = device.cloneSuspected ? ', clone suspected' : '';
  if (device.connection === ConnectionState.CONNECTION_STATE_ONLINE) {
    return cell(`online${suspected}`, suspected ? 'bad' : 'plain');
  }
  const since = device.lastSeenAt
    ? ` ${formatDuration(Math.max(1000, now - fromTimestamp(device.lastSeenAt)))}`
    : ' (never seen)';
  return cell(`offline${since}${suspected}`, suspected ? 'bad' : 'faint');
}

/** Everything about one device; lines without a value are left out. */
export function deviceFields(device: Device, now: number): [string, Cell][] {
  const { facts, observed, directive } = device;
  const fields: [string, Cell | undefined][] = [
    ['Name', cell(device.name)],
    ['Id', cell(device.id)],
    ['State', stateCell(device, now)],
    ['Refused because', text(device.rejection, 'bad')],
    ['Degraded because', text(observed?.degradedReason, 'bad')],
    ['Verified', verifiedCell(device, now)],
    ['Remaining', remainingCell(device, now)],
    ['Connection', connectionCell(device, now)],
    ['Generation', cell(`${device.observedGeneration} of ${device.generation} reported`)],
    [
      'Latest order',
      directive && cell(`${desiredWord(device)} by ${directive.requestedBy}, ${time(directive.issuedAt)}`),
    ],
    ['Reason', text(directive?.reason)],
    ['Isolation', text(observed?.isolationId)],
    ['Enforced at', observed?.enforcedAt && cell(time(observed.enforcedAt))],
    ['Enforced in', observed?.enforceLatency && cell(formatDuration(fromDuration(observed.enforceLatency)))],
    ['Ends at', observed?.until && cell(time(observed.until))],
    [
      'Last ended',
      observed?.endedAt && cell(`${time(observed.endedAt)} (${endCauseText(observed.endCause)})`),
    ],
    ['Enforcer', observed && cell(word(enforcerKindToJSON(observed.enforcer), 'ENFORCER_KIND_'))],
    ...(observed?.evidence?.checks ?? []).map((check): [string, Cell] => ['Check', checkCell(check)]),
    ...(observed?.unsupportedExclusions ?? []).map((exclusion): [string, Cell] => [
      'Not expressible',
      cell(`${exclusion.name}: ${exclusion.detail}`, 'waiting'),
    ]),
    ['Host name', text(facts?.hostname)],
    ['System', facts && cell(`${facts.os} ${facts.osRelease} ${facts.architecture}`)],
    ['Addresses', text(facts?.addresses.join(', '))],
    ['Agent', text(device.agentVersion)],
    ['Tags', text(device.tags.join(', '))],
    ['Enrolled at', device.enrolledAt && cell(time(device.enrolledAt))],
    ['Certificate until', device.certificateExpiresAt && cell(time(device.certificateExpiresAt))],
  ];
  return fields.filter((field): field is [string, Cell] => field[1] !== undefined);
}

function checkCell({ name, result, detail }: EvidenceCheck): Cell {
  const tone =
    result === CheckResult.CHECK_RESULT_PASSED
      ? 'good'
      : result === CheckResult.CHECK_RESULT_FAILED
        ? 'bad'
        : 'waiting';
  const outcome = word(checkResultToJSON(result), 'CHECK_RESULT_');
  return cell(`${name}: ${outcome}${detail ? ` (${detail})` : ''}`, tone);
}

function text(value: string | undefined, tone: Cell['tone'] = 'plain'): Cell | undefined {
  return value ? cell(value, tone) : undefined;
}

/** `ENFORCER_KIND_NFTABLES` without its prefix, as a word. */
export function word(enumName: string, prefix: string): string {
  return enumName.replace(prefix, '').toLowerCase().replaceAll('_', ' ');
}

/** UTC to the second, or `-`. */
export function time(timestamp: Timestamp | undefined): string {
  return timestamp ? `${new Date(fromTimestamp(timestamp)).toISOString().slice(0, 19)}Z` : '-';
}
