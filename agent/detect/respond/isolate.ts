import { IsolationState } from '../../../shared/gen/cordon/v1/isolation.js';
import { ResponseAction, type ResponseOutcome } from '../../../shared/gen/cordon/v1/ioc.js';
import type { IsolationOwner } from '../../isolation/owner.js';
import { outcome } from './outcome.js';

/** The agent's own detector, as policies and alerts name it. */
export const IOC_SCAN = 'ioc-scan';

/** Why nothing is done on a device whose policy does not allow it. */
export const POLICY_SAYS_NO = 'the policy of this device has automatic isolation off';

export type IsolatingOwner = Pick<
  IsolationOwner,
  'accepted' | 'isolateAutomatically' | 'observed' | 'isolated'
>;

const ISOLATE = ResponseAction.RESPONSE_ACTION_ISOLATE;

/** An isolation that was started, and what came of it. */
export interface IsolateResult {
  /** Empty: it started none. */
  readonly isolationId: string;
  readonly outcome: ResponseOutcome;
}

/**
 * Isolates the computer with the settings of its policy.
 * @param id of the isolation: the same one again, after a crash, is known
 */
export async function isolate(reason: string, id: string, owner: IsolatingOwner): Promise<IsolateResult> {
  const isolationId = await owner.isolateAutomatically({ id, reason, source: IOC_SCAN });
  if (isolationId === '' && !owner.isolated) {
    return { isolationId, outcome: outcome(ISOLATE, 'REFUSED', POLICY_SAYS_NO) };
  }
  if (isolationId === '') {
    const text = 'the computer was isolated already; that isolation stays as it is';
    return { isolationId, outcome: outcome(ISOLATE, 'NOT_NEEDED', text) };
  }
  const { state, isolationId: now, degradedReason, evidence } = owner.observed();
  const inForce = now !== id || state === IsolationState.ISOLATION_STATE_ISOLATED || evidence !== undefined;
  if (!inForce) {
    const text = `the isolation is decided and not in force yet: ${degradedReason}; the agent goes on trying`;
    return { isolationId, outcome: outcome(ISOLATE, 'FAILED', text) };
  }
  const inPart = now === id && degradedReason !== '' ? `, in part: ${degradedReason}` : '';
  const text = `isolated with the settings of the policy${inPart}`;
  return { isolationId, outcome: outcome(ISOLATE, 'DONE', text) };
}
