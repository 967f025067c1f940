import type { Device } from '../../shared/gen/cordon/v1/device.js';
import {
  CheckResult,
  IsolationMode,
  checkResultToJSON,
  enforcerKindToJSON,
  isolationModeToJSON,
  type EvidenceCheck,
  type Isolation,
} from '../../shared/gen/cordon/v1/isolation.js';
import type { Timestamp } from '../../shared/gen/google/protobuf/timestamp.js';
import { formatDuration, fromDuration, fromTimestamp } from '../../shared/time.js';
import { endCauseText } from '../wait/progress.js';
import {
  connectionCell,
  desiredWord,
  isEnforcing,
  remainingCell,
  stateCell,
  time,
  verifiedCell,
  word,
} from './device-rows.js';
import { cell, type Cell } from './table.js';

type Field = readonly [string, Cell | undefined];

/**
 * Everything about one device: what it does now, the proof, its latest isolation, what it is. Lines without a value are
 * left out.
 * @param latest isolation of the device; undefined: there was none
 * @param now milliseconds since 1970
 */
export function deviceFields(
  device: Device,
  latest: Isolation | undefined,
  now: number,
): (readonly [string, Cell])[] {
  return [
    ['Name', cell(device.name)] as const,
    ['Id', cell(device.id)] as const,
    ...stateFields(device, now),
    ...(latest ? timestampFields(latest) : []),
    ...factFields(device),
  ].filter((field): field is readonly [string, Cell] => field[1] !== undefined);
}

function stateFields(device: Device, now: number): Field[] {
  const { observed, directive } = device;
  const enforcing = isEnforcing(observed?.state);
  return [
    ['State', stateCell(device, now)],
    ['Refused because', text(device.rejection, 'bad')],
    ['Degraded because', text(observed?.degradedReason, 'bad')],
    ['Connection', connectionCell(device, now)],
    ['Generation', cell(`${device.observedGeneration} of ${device.generation} reported`)],
    [
      'Latest order',
      directive && cell(`${desiredWord(device)}, by ${directive.requestedBy}, ${time(directive.issuedAt)}`),
    ],
    // An isolation in force gives the same reason below.
    [
      'Order reason',
      enforcing && directive?.reason === observed?.reason ? undefined : text(directive?.reason),
    ],
    ...(enforcing ? isolationFields(device, now) : []),
    [
      'Last ended',
      observed?.endedAt && cell(`${time(observed.endedAt)} (${endCauseText(observed.endCause)})`),
    ],
    ['Enforcer', observed && cell(word(enforcerKindToJSON(observed.enforcer), 'ENFORCER_KIND_'))],
  ];
}

/** Of an isolation that is in force. */
function isolationFields(device: Device, now: number): Field[] {
  const { observed } = device;
  if (!observed) return [];
  return [
    [
      'Mode',
      observed.mode === IsolationMode.ISOLATION_MODE_UNSPECIFIED
        ? undefined
        : cell(word(isolationModeToJSON(observed.mode), 'ISOLATION_MODE_')),
    ],
    ['Reason', text(observed.reason)],
    ['By', text(observed.requestedBy)],
    ['Since', observed.enforcedAt && cell(time(observed.enforcedAt))],
    ['Until', observed.until ? cell(time(observed.until)) : cell('somebody releases it')],
    ['Remaining', observed.until && remainingCell(device, now)],
    ['Verified', verifiedCell(device, now)],
    ...(observed.evidence?.checks ?? []).map((check): Field => ['  check', checkCell(check)]),
    ...observed.unsupportedExclusions.map((exclusion): Field => [
      'Stays blocked',
      cell(`exclusion ${exclusion.name}: ${exclusion.detail}`, 'waiting'),
    ]),
    [
      'Enforced in',
      observed.enforceLatency &&
        cell(`${formatDuration(fromDuration(observed.enforceLatency))} on the device`),
    ],
  ];
}

/** The four times of an isolation on the server's clock: each after the first as the time since the order. */
function timestampFields(isolation: Isolation): Field[] {
  const { issuedAt } = isolation;
  const after = (at: Timestamp | undefined): Cell => {
    if (!at) return cell('not reported', 'faint');
    if (!issuedAt) return cell(time(at));
    const since = Math.max(0, fromTimestamp(at) - fromTimestamp(issuedAt));
    return cell(`${time(at)}, ${formatDuration(since)} after the order`);
  };
  return [
    ['Latest isolation', cell(isolation.id)],
    ['  ordered', cell(`${time(issuedAt)}, by ${isolation.requestedBy}: ${isolation.reason}`)],
    ['  delivered', after(isolation.deliveredAt)],
    ['  enforced', after(isolation.enforcedAt)],
    ['  verified', after(isolation.verifiedAt)],
    ['  ended', isolation.endedAt && cell(`${time(isolation.endedAt)}, ${endCauseText(isolation.endCause)}`)],
  ];
}

function factFields(device: Device): Field[] {
  const { facts } = device;
  return [
    ['Host name', text(facts?.hostname)],
    ['System', facts && cell(`${facts.os} ${facts.osRelease} ${facts.architecture}`)],
    ['Addresses', text(facts?.addresses.join(', '))],
    ['Agent', text(device.agentVersion)],
    ['Group', cell(device.groupPath || 'root')],
    ['Tags', text(device.tags.join(', '))],
    ['Enrolled at', device.enrolledAt && cell(time(device.enrolledAt))],
    ['Certificate until', device.certificateExpiresAt && cell(time(device.certificateExpiresAt))],
  ];
}

export function checkCell({ name, result, detail }: EvidenceCheck): Cell {
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
