import { IsolationMode, isolationModeToJSON, type Isolation } from '../../shared/gen/cordon/v1/isolation.js';
import type { Timestamp } from '../../shared/gen/google/protobuf/timestamp.js';
import { formatDuration, fromDuration, fromTimestamp } from '../../shared/time.js';
import { endCauseText } from '../wait/progress.js';
import { checkCell } from './device-fields.js';
import { time, verificationCell, word } from './device-rows.js';
import type { View } from './printer.js';
import { exclusionsView } from './settings.js';
import { cell, type Cell } from './table.js';

type Field = readonly [string, Cell];

/** One isolation with everything that is known. `now` is milliseconds since 1970. */
export function isolationView(isolation: Isolation, now: number): View {
  const fields: Field[] = [
    ['Isolation', cell(isolation.id)],
    [
      'Device',
      cell(
        isolation.deviceName
          ? `${isolation.deviceName} (${isolation.deviceId})`
          : `${isolation.deviceId} (removed)`,
      ),
    ],
    ['Mode', cell(modeWord(isolation.mode))],
    ['By', cell(isolation.requestedBy || '-')],
    ['Reason', cell(isolation.reason || '-')],
    ...stepFields(isolation),
    ...endFields(isolation, now),
    ['Verified', verificationCell(isolation.evidence?.verification)],
    ...(isolation.evidence?.checks ?? []).map((check): Field => ['  check', checkCell(check)]),
  ];
  return {
    kind: 'sections',
    sections: [{ kind: 'fields', fields }, exclusionsView(isolation.exclusions)],
  };
}

function modeWord(mode: IsolationMode): string {
  return mode === IsolationMode.ISOLATION_MODE_UNSPECIFIED
    ? '-'
    : word(isolationModeToJSON(mode), 'ISOLATION_MODE_');
}

/** Issued, delivered, enforced, verified: each with the time since the step before it that is known. */
function stepFields(isolation: Isolation): Field[] {
  const steps = [
    ['Ordered', isolation.issuedAt],
    ['Delivered', isolation.deliveredAt],
    ['Enforced', isolation.enforcedAt],
    ['Verified at', isolation.verifiedAt],
  ] as const;
  let before: { readonly name: string; readonly at: number } | undefined;
  return steps.map(([name, timestamp]): Field => {
    if (!timestamp) return [name, cell(isolation.endedAt ? 'never' : 'not yet', 'waiting')];
    const at = fromTimestamp(timestamp);
    const since = before && `, ${formatDuration(Math.max(0, at - before.at))} after ${before.name}`;
    before = { name: name.toLowerCase().replace(' at', ''), at };
    return [name, cell(`${preciseTime(timestamp)}${since ?? ''}`)];
  });
}

function endFields(isolation: Isolation, now: number): Field[] {
  const delay = isolation.releaseDelay && fromDuration(isolation.releaseDelay);
  const lasts: Field = ['Release delay', cell(delay ? formatDuration(delay) : 'none: until released')];
  if (!isolation.endedAt)
    return [lasts, ['Ends', endsCell(isolation)], ['Remaining', isolationRemaining(isolation, now)]];
  const began = isolation.enforcedAt ?? isolation.issuedAt;
  const lasted = began
    ? ` (lasted ${formatDuration(Math.max(0, fromTimestamp(isolation.endedAt) - fromTimestamp(began)))})`
    : '';
  return [
    lasts,
    ['Ended', cell(`${preciseTime(isolation.endedAt)}${lasted}`)],
    ['Ended because', cell(endCauseText(isolation.endCause))],
    ...(isolation.releasedBy ? [['Released by', cell(isolation.releasedBy)] as const] : []),
    ...(isolation.releaseReason ? [['Release reason', cell(isolation.releaseReason)] as const] : []),
  ];
}

function endsCell({ until, enforcedAt }: Isolation): Cell {
  if (until) return cell(time(until));
  return enforcedAt ? cell('when somebody releases it') : cell('runs from enforcement', 'waiting');
}

/** Time until an isolation ends by itself. */
export function isolationRemaining({ endedAt, enforcedAt, until }: Isolation, now: number): Cell {
  if (endedAt) return cell('-', 'faint');
  if (!until) return enforcedAt ? cell('no end') : cell('-', 'faint');
  const left = fromTimestamp(until) - now;
  return left > 0 ? cell(formatDuration(left)) : cell('over; not reported', 'waiting');
}

/** UTC to the millisecond: steps are that close together. */
function preciseTime(timestamp: Timestamp): string {
  return new Date(fromTimestamp(timestamp)).toISOString();
}
