import {
  ResponseState,
  type ResponseAction,
  type ResponseOutcome,
} from '../../../shared/gen/cordon/v1/ioc.js';

const LONGEST_DETAIL = 1000;

/** How a response action ended, in the words of the contract. */
export function outcome(
  action: ResponseAction,
  state: 'DONE' | 'NOT_NEEDED' | 'REFUSED' | 'FAILED',
  detail: string,
  quarantineId = '',
): ResponseOutcome {
  return {
    action,
    state: ResponseState[`RESPONSE_STATE_${state}`],
    detail: detail.slice(0, LONGEST_DETAIL),
    quarantineId,
  };
}
