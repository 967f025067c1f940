import {
  IsolationState,
  ObservedIsolation,
  type EnforcerKind,
} from '../../shared/gen/cordon/v1/isolation.js';
import { toDuration, toTimestamp } from '../../shared/time.js';
import { dueWallMs, type Moment } from './deadline.js';
import { isActive, type Ended, type State } from './state.js';

/** A report stays below the 1 MiB of a message; a device with more unsupported rules names the first ones. */
const MOST_UNSUPPORTED = 1000;

const STATES: Readonly<Record<State['kind'], IsolationState>> = {
  RELEASED: IsolationState.ISOLATION_STATE_RELEASED,
  ENFORCING: IsolationState.ISOLATION_STATE_ENFORCING,
  ISOLATED: IsolationState.ISOLATION_STATE_ISOLATED,
  RELEASING: IsolationState.ISOLATION_STATE_RELEASING,
  DEGRADED: IsolationState.ISOLATION_STATE_DEGRADED,
};

/** The state in the words of the contract. Equal states give equal bytes at any time (heartbeats carry a hash of it). */
export function toObserved(state: State, enforcer: EnforcerKind, now: Moment): ObservedIsolation {
  const base = ObservedIsolation.fromPartial({ state: STATES[state.kind], enforcer });
  if (!isActive(state)) {
    const ended = state.kind === 'RELEASED' ? state.last : state.ending;
    const degradedReason = state.kind === 'RELEASING' ? state.problem : '';
    return { ...base, degradedReason, ...(ended ? endedFields(ended) : {}) };
  }
  const { isolation } = state;
  const proof = 'proof' in state ? state.proof : undefined;
  return {
    ...base,
    mode: isolation.mode,
    isolationId: isolation.id,
    reason: isolation.reason,
    requestedBy: isolation.requestedBy,
    enforcedAt: isolation.enforcedAt && toTimestamp(isolation.enforcedAt.wallMs),
    until: isolation.release && toTimestamp(Math.round(dueWallMs(isolation.release, now) / 1000) * 1000),
    degradedReason: state.kind === 'DEGRADED' ? state.reason : '',
    unsupportedExclusions: (proof?.unsupported ?? [])
      .slice(0, MOST_UNSUPPORTED)
      .map(({ name, detail }) => ({ name, detail })),
    evidence: proof?.evidence,
    enforceLatency: isolation.latencyMs === undefined ? undefined : toDuration(isolation.latencyMs),
  };
}

/** The same where the state is not on disk: an isolation that a restart would lose does not hold wholly. */
export function withSaveProblem(
  observed: ObservedIsolation,
  state: State,
  problem: string,
): ObservedIsolation {
  if (problem === '') return observed;
  const degradedReason = [observed.degradedReason, problem].filter((text) => text !== '').join('; ');
  return {
    ...observed,
    state: isActive(state) ? IsolationState.ISOLATION_STATE_DEGRADED : observed.state,
    degradedReason,
  };
}

/** Whether a device is wholly isolated or wholly released. */
export function isWhole({ state, degradedReason }: ObservedIsolation): boolean {
  const settled =
    state === IsolationState.ISOLATION_STATE_ISOLATED || state === IsolationState.ISOLATION_STATE_RELEASED;
  return settled && degradedReason === '';
}

/** The end of an isolation whose place another one took. */
export function toEnded(ended: Ended, state: State, enforcer: EnforcerKind): ObservedIsolation {
  return {
    ...ObservedIsolation.fromPartial({ state: STATES[state.kind], enforcer }),
    ...endedFields(ended),
  };
}

function endedFields(
  ended: Ended,
): Pick<ObservedIsolation, 'isolationId' | 'endCause' | 'endedAt' | 'endedBy'> {
  const { id, cause, atMs, by } = ended;
  return { isolationId: id, endCause: cause, endedAt: toTimestamp(atMs), endedBy: by ?? '' };
}
