import { contentHash } from '../../shared/desired-state.js';
import { DesiredState } from '../../shared/gen/cordon/v1/agent_service.js';
import {
  IsolationAction,
  IsolationDirective,
  IsolationMode,
  IsolationSettings,
} from '../../shared/gen/cordon/v1/isolation.js';
import { toDuration } from '../../shared/time.js';
import type { Order } from '../../agent/isolation/state.js';

export const ISOLATION = '018f0000-0000-7000-8000-000000000001';
export const OTHER_ISOLATION = '018f0000-0000-7000-8000-000000000002';
export const RELEASE = '018f0000-0000-7000-8000-000000000003';
export const HOUR_MS = 3_600_000;

/** Settings with a release delay of one hour and nothing excluded, unless a test says otherwise. */
export function settings(change: Partial<IsolationSettings> = {}): IsolationSettings {
  const base = IsolationSettings.fromPartial({});
  return { ...base, releaseDelay: toDuration(HOUR_MS), ...change };
}

export function order(id = ISOLATION, change: Partial<Order> = {}): Order {
  return {
    id,
    mode: IsolationMode.ISOLATION_MODE_MANUAL,
    reason: 'a test',
    requestedBy: 'ann',
    settings: settings(),
    releaseDelayMs: HOUR_MS,
    pins: { servers: [{ address: '192.0.2.1', port: 7443 }], hosts: {} },
    ...change,
  };
}

export function directive(
  id: string,
  action: IsolationAction,
  change: Partial<IsolationDirective> = {},
): IsolationDirective {
  return {
    ...IsolationDirective.fromPartial({ id, action, reason: 'a test', requestedBy: 'ann' }),
    ...change,
  };
}

export const isolate = (id = ISOLATION, change: Partial<IsolationDirective> = {}): IsolationDirective =>
  directive(id, IsolationAction.ISOLATION_ACTION_ISOLATE, change);
export const release = (id = RELEASE): IsolationDirective =>
  directive(id, IsolationAction.ISOLATION_ACTION_RELEASE);

/** A desired state as a server would send it. */
export function desired(
  generation: bigint,
  given?: IsolationDirective,
  change: Partial<DesiredState> = {},
): DesiredState {
  const state: DesiredState = {
    ...DesiredState.fromPartial({ generation, nonce: generation * 10n }),
    directive: given,
    manualSettings: settings(),
    ...change,
  };
  return { ...state, contentHash: contentHash(state) };
}
