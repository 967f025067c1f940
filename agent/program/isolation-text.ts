import { printable } from '../../shared/command-line/printable.js';
import {
  IsolationState,
  checkResultToJSON,
  isolationEndCauseToJSON,
  isolationModeToJSON,
  isolationStateToJSON,
  verificationToJSON,
  type EvidenceCheck,
  type IsolationSettings,
  type ObservedIsolation,
} from '../../shared/gen/cordon/v1/isolation.js';
import type { ShowIsolationResponse } from '../../shared/gen/cordon/v1/local_service.js';
import { IpFamily } from '../../shared/gen/cordon/v1/network.js';
import type { Timestamp } from '../../shared/gen/google/protobuf/timestamp.js';
import { formatDuration, fromDuration, fromTimestamp, RELEASE_DELAY } from '../../shared/time.js';
import { exclusionText } from './exclusion-text.js';

type Row = readonly [name: string, value: string];
const WIDTH = 16;

/**
 * `cordon-agent isolation /show` for people: what is in force, the proof, how the last isolation ended, the settings.
 * @param now milliseconds since 1970
 */
export function isolationText(shown: ShowIsolationResponse, now: number): string[] {
  const { observed } = shown;
  const rows: Row[] = [
    ...(observed ? stateRows(observed, now) : []),
    ...exclusionRows(shown),
    ['manual', settingsText(shown.manualSettings, 'no settings received yet')],
    ['automatic', settingsText(shown.automaticSettings, 'off')],
    ['/disable', shown.passwordRequired ? 'needs a password' : 'needs no password'],
    ['server', shown.connected ? 'connected' : 'not connected'],
    ['device', shown.deviceId],
  ];
  // Names and reasons come from elsewhere and must not move the cursor.
  return rows.map(([name, value]) => `${name.padEnd(WIDTH)}${printable(value)}`);
}

function stateRows(observed: ObservedIsolation, now: number): Row[] {
  const rows: Row[] = [['state', word(isolationStateToJSON(observed.state), 'ISOLATION_STATE_')]];
  const { state, mode, reason, requestedBy, enforcedAt, until, endedAt, endedBy } = observed;
  if (observed.degradedReason) rows.push(['degraded', observed.degradedReason]);
  if (mode) {
    rows.push(['mode', word(isolationModeToJSON(mode), 'ISOLATION_MODE_')]);
    rows.push(['reason', reason], ['requested by', requestedBy], ['isolation', observed.isolationId]);
    if (enforcedAt) rows.push(['since', time(enforcedAt)]);
    rows.push(['until', until ? `${time(until)} (${leftText(until, now)})` : 'somebody releases it']);
  }
  rows.push(...evidenceRows(observed));
  for (const { name, detail } of observed.unsupportedExclusions) {
    rows.push(['stays blocked', `exclusion ${name}: ${detail}`]);
  }
  if (state === IsolationState.ISOLATION_STATE_RELEASED && endedAt) {
    const cause = word(isolationEndCauseToJSON(observed.endCause), 'ISOLATION_END_CAUSE_');
    const by = endedBy === '' ? '' : `, by ${endedBy}`;
    rows.push(['last ended', `${time(endedAt)}, ${cause}${by} (isolation ${observed.isolationId})`]);
  }
  return rows;
}

function evidenceRows({ evidence }: ObservedIsolation): Row[] {
  if (!evidence) return [];
  const at = evidence.checkedAt ? `, checked ${time(evidence.checkedAt)}` : '';
  const sum = word(verificationToJSON(evidence.verification), 'VERIFICATION_');
  return [
    ['verification', `${sum}${at}`],
    ...evidence.checks.map((check): Row => ['  check', checkText(check)]),
  ];
}

function checkText({ name, family, result, detail }: EvidenceCheck): string {
  const over =
    family === IpFamily.IP_FAMILY_IPV4 ? ' IPv4' : family === IpFamily.IP_FAMILY_IPV6 ? ' IPv6' : '';
  const outcome = word(checkResultToJSON(result), 'CHECK_RESULT_');
  return `${name}${over}: ${outcome}${detail === '' ? '' : ` (${detail})`}`;
}

function exclusionRows({ observed, exclusions }: ShowIsolationResponse): Row[] {
  if (!observed?.mode) return [['exclusions', 'shown only while isolated']];
  return [
    ['exclusions', `${exclusions.length} in force`],
    ...exclusions.map((exclusion): Row => ['  passes', exclusionText(exclusion)]),
  ];
}

function settingsText(settings: IsolationSettings | undefined, absent: string): string {
  if (!settings) return absent;
  const delay = settings.releaseDelay ? fromDuration(settings.releaseDelay) : RELEASE_DELAY.defaultMs;
  return delay === 0 ? 'never ends by itself' : `ends after ${formatDuration(delay)}`;
}

function leftText(until: Timestamp, now: number): string {
  const left = fromTimestamp(until) - now;
  return left > 0 ? `${formatDuration(left)} left` : 'due';
}

function time(timestamp: Timestamp): string {
  return `${new Date(fromTimestamp(timestamp)).toISOString().slice(0, 19)}Z`;
}

function word(enumName: string, prefix: string): string {
  return enumName.replace(prefix, '').toLowerCase().replaceAll('_', ' ');
}
