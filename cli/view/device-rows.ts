import { ConnectionState, type Device } from '../../shared/gen/cordon/v1/device.js';
import {
  EnforcerKind,
  IsolationAction,
  IsolationMode,
  IsolationState,
  Verification,
} from '../../shared/gen/cordon/v1/isolation.js';
import type { Timestamp } from '../../shared/gen/google/protobuf/timestamp.js';
import { formatDuration, fromTimestamp } from '../../shared/time.js';
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

/** Whether an isolation is in force, in whole or in part. */
export function isEnforcing(state: IsolationState | undefined): boolean {
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

/** What the latest order asks for. */
export function desiredWord({ directive }: Device): string {
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

/** `ENFORCER_KIND_NFTABLES` without its prefix, as a word. */
export function word(enumName: string, prefix: string): string {
  return enumName.replace(prefix, '').toLowerCase().replaceAll('_', ' ');
}

/** UTC to the second, or `-`. */
export function time(timestamp: Timestamp | undefined): string {
  return timestamp ? `${new Date(fromTimestamp(timestamp)).toISOString().slice(0, 19)}Z` : '-';
}
