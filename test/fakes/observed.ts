import {
  IsolationEvidence,
  IsolationMode,
  IsolationState,
  ObservedIsolation,
} from '../../shared/gen/cordon/v1/isolation.js';
import { ISOLATION } from './isolation.js';

/** What a device observes in a state. */
export function observed(state: IsolationState, change: Partial<ObservedIsolation> = {}): ObservedIsolation {
  const active = {
    isolationId: ISOLATION,
    mode: IsolationMode.ISOLATION_MODE_MANUAL,
    evidence: IsolationEvidence.fromPartial({}),
  };
  const base = state === IsolationState.ISOLATION_STATE_RELEASED ? {} : active;
  return { ...ObservedIsolation.fromPartial(base), state, ...change };
}
