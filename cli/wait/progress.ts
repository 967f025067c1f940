import { ConnectionState, type Device } from '../../shared/gen/cordon/v1/device.js';
import {
  EnforcerKind,
  IsolationEndCause,
  IsolationState,
  Verification,
  isolationEndCauseToJSON,
} from '../../shared/gen/cordon/v1/isolation.js';
import type { DeviceOrder } from '../../shared/gen/cordon/v1/isolation_service.js';
import { formatDuration, fromDuration, fromTimestamp } from '../../shared/time.js';
import { CliError, ExitCode } from '../exit.js';
import type { WatchEvent } from '../feed.js';

/** What the order asks for. */
export type Goal = 'isolate' | 'release';

/** How far one device has come with its order. */
export type Progress =
  | { readonly kind: 'unknown' }
  | { readonly kind: 'offline'; readonly lastSeenAt: number | undefined }
  | { readonly kind: 'banned' }
  | { readonly kind: 'delivering' }
  | { readonly kind: 'working'; readonly detail: string }
  | { readonly kind: 'done'; readonly detail: string }
  | { readonly kind: 'failed'; readonly reason: string };

/** A wait for several devices: pure data, changed by `advance` alone. */
export interface Wait {
  readonly goal: Goal;
  readonly orders: readonly DeviceOrder[];
  /** Order by device id. */
  readonly orderOf: ReadonlyMap<string, DeviceOrder>;
  /** By device id. */
  readonly progress: ReadonlyMap<string, Progress>;
}

export function startWait(goal: Goal, orders: readonly DeviceOrder[]): Wait {
  return {
    goal,
    orders,
    orderOf: new Map(orders.map((order) => [order.deviceId, order])),
    progress: new Map(orders.map(({ deviceId }) => [deviceId, { kind: 'unknown' }])),
  };
}

/** Takes events of the device feed in. Devices without an order are ignored. */
export function advance(wait: Wait, events: readonly WatchEvent[]): Wait {
  const progress = new Map(wait.progress);
  for (const event of events) {
    switch (event.$case) {
      case 'device': {
        const order = wait.orderOf.get(event.value.id);
        if (order) progress.set(order.deviceId, judge(wait.goal, order, event.value));
        break;
      }
      case 'removedDeviceId':
        if (wait.orderOf.has(event.value)) {
          progress.set(event.value, { kind: 'failed', reason: 'the device was removed from the server' });
        }
        break;
      case 'bookmark':
        break;
    }
  }
  return { ...wait, progress };
}

/** What a device's record says about an order. Only what the device has reported counts as done. */
export function judge(goal: Goal, order: DeviceOrder, device: Device): Progress {
  // The record can be older than the order: the watch is opened before the order is sent.
  if (device.generation < order.generation) return { kind: 'unknown' };
  // The server answers the end of an isolation on the device with a directive of its own: that is not another operator.
  if (goal === 'isolate' && endedOnDevice(order, device)) {
    return { kind: 'failed', reason: `ended already (${endCauseText(device.observed?.endCause)})` };
  }
  if (device.directive && device.directive.id !== order.directiveId) {
    return {
      kind: 'failed',
      reason: `replaced by a newer order of ${device.directive.requestedBy || 'another operator'}`,
    };
  }
  if (device.rejection) return { kind: 'failed', reason: `the device refused it: ${device.rejection}` };
  if (device.observedGeneration >= order.generation) return judgeObserved(goal, order, device);
  if (device.banned) return { kind: 'banned' };
  if (device.connection !== ConnectionState.CONNECTION_STATE_ONLINE) {
    return { kind: 'offline', lastSeenAt: device.lastSeenAt && fromTimestamp(device.lastSeenAt) };
  }
  return { kind: 'delivering' };
}

function endedOnDevice(order: DeviceOrder, { observed }: Device): boolean {
  if (
    observed?.state !== IsolationState.ISOLATION_STATE_RELEASED ||
    observed.isolationId !== order.directiveId
  ) {
    return false;
  }
  return (
    observed.endCause !== IsolationEndCause.ISOLATION_END_CAUSE_OPERATOR &&
    observed.endCause !== IsolationEndCause.ISOLATION_END_CAUSE_REPLACED
  );
}

function judgeObserved(goal: Goal, order: DeviceOrder, device: Device): Progress {
  const observed = device.observed;
  const state = observed?.state ?? IsolationState.ISOLATION_STATE_UNSPECIFIED;
  if (observed && state === IsolationState.ISOLATION_STATE_DEGRADED) {
    const what = goal === 'isolate' ? 'isolated in part' : 'not released as a whole';
    return { kind: 'failed', reason: `${what}: ${observed.degradedReason || 'the device gives no reason'}` };
  }
  switch (goal) {
    case 'isolate':
      if (state === IsolationState.ISOLATION_STATE_RELEASED) {
        return { kind: 'failed', reason: `ended already (${endCauseText(observed?.endCause)})` };
      }
      if (!observed || state !== IsolationState.ISOLATION_STATE_ISOLATED) {
        return { kind: 'working', detail: 'changing the packet filter' };
      }
      if (observed.enforcer === EnforcerKind.ENFORCER_KIND_RECORDING) {
        return { kind: 'failed', reason: 'simulated only: the device blocks nothing' };
      }
      if (observed.isolationId !== order.directiveId) {
        return { kind: 'working', detail: 'isolated by an earlier order; waiting for this one' };
      }
      return { kind: 'done', detail: isolatedText(device) };
    case 'release':
      if (state === IsolationState.ISOLATION_STATE_RELEASED) return { kind: 'done', detail: 'released' };
      if (observed && state === IsolationState.ISOLATION_STATE_ISOLATED && observed.isolationId) {
        return { kind: 'failed', reason: `isolated again: ${observed.reason || observed.requestedBy}` };
      }
      return { kind: 'working', detail: 'removing the rules' };
  }
}

function isolatedText({ observed }: Device): string {
  const latency = observed?.enforceLatency;
  const inTime = latency ? ` in ${formatDuration(fromDuration(latency))}` : '';
  switch (observed?.evidence?.verification) {
    case Verification.VERIFICATION_VERIFIED:
      return `isolated${inTime}, verified`;
    case Verification.VERIFICATION_PARTIAL:
      return `isolated${inTime}, verified in part`;
    case Verification.VERIFICATION_UNVERIFIED:
      return `isolated${inTime}, NOT verified: see "cordon devices show"`;
    default:
      return `isolated${inTime}, not checked yet`;
  }
}

/** Cause as a word: `deadline`, `offline code`. */
export function endCauseText(
  cause: IsolationEndCause = IsolationEndCause.ISOLATION_END_CAUSE_UNSPECIFIED,
): string {
  if (cause === IsolationEndCause.ISOLATION_END_CAUSE_UNSPECIFIED) return 'cause not known';
  return isolationEndCauseToJSON(cause)
    .replace('ISOLATION_END_CAUSE_', '')
    .toLowerCase()
    .replaceAll('_', ' ');
}

/** Tells whether nothing is left to wait for. */
export function isSettled({ progress }: Wait): boolean {
  return [...progress.values()].every(({ kind }) => kind === 'done' || kind === 'failed');
}

/** A failure counts more than a device that is still pending: it needs a person. */
export function waitExitCode({ progress }: Wait): ExitCode {
  const kinds = new Set([...progress.values()].map(({ kind }) => kind));
  if (kinds.has('failed')) return ExitCode.REFUSED;
  kinds.delete('done');
  return kinds.size === 0 ? ExitCode.DONE : ExitCode.PENDING;
}

/** The end of a wait as an error, or undefined when every device did as it was told. */
export function waitError(wait: Wait, waited: string): CliError | undefined {
  const exitCode = waitExitCode(wait);
  if (exitCode === ExitCode.DONE) return undefined;
  const named = (kinds: readonly Progress['kind'][]): string[] =>
    wait.orders
      .filter(({ deviceId }) => kinds.includes(wait.progress.get(deviceId)?.kind ?? 'unknown'))
      .map(({ deviceName, deviceId }) => deviceName || deviceId);
  const failed = named(['failed']);
  const pending = named(['unknown', 'offline', 'banned', 'delivering', 'working']);
  const parts = [
    ...(failed.length > 0 ? [`${wait.goal} failed on ${few(failed)}`] : []),
    ...(pending.length > 0 ? [`${few(pending)} did not report within ${waited}`] : []),
  ];
  const next =
    pending.length > 0
      ? 'the order stays in force and is carried out when the device connects; "cordon devices watch" shows it'
      : '"cordon devices show" tells what the device reported';
  return new CliError(exitCode, parts.join('; '), next);
}

function few(names: readonly string[]): string {
  const shown = names.slice(0, 10).join(', ');
  return names.length > 10 ? `${shown} and ${names.length - 10} more` : shown;
}

/** One device's progress for a person. */
export function progressText(progress: Progress, now: number): string {
  switch (progress.kind) {
    case 'unknown':
      return 'ordered';
    case 'offline':
      return progress.lastSeenAt === undefined
        ? 'offline, never seen; waiting for it to connect'
        : `offline for ${formatDuration(Math.max(1000, now - progress.lastSeenAt))}; waiting for it to connect`;
    case 'banned':
      return 'banned: it cannot connect to hear of the order';
    case 'delivering':
      return 'online; waiting for its report';
    case 'working':
      return progress.detail;
    case 'done':
      return progress.detail;
    case 'failed':
      return `FAILED: ${progress.reason}`;
  }
}
