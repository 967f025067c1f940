import { ResponseAction, type ResponseOutcome } from '../../../shared/gen/cordon/v1/ioc.js';
import type { Finding } from '../finding.js';
import { QuarantineError } from '../quarantine/error.js';
import type { Quarantine } from '../quarantine/quarantine.js';
import { isolate, POLICY_SAYS_NO, type IsolatingOwner } from './isolate.js';
import { killProcess, type KillParts } from './kill.js';
import { outcome } from './outcome.js';

export interface RespondParts {
  readonly owner: IsolatingOwner;
  readonly kill: KillParts;
  readonly quarantine: Pick<Quarantine, 'add'>;
}

/** What came of one action. */
export interface Response {
  readonly outcome: ResponseOutcome;
  /** Isolation that it started; empty: none. */
  readonly isolationId: string;
}

/**
 * Carries out one action about a finding. May be called again after a crash in the middle of it: what was done is not done
 * twice. Never throws for what the action itself meets.
 */
export async function respond(
  action: ResponseAction,
  finding: Finding,
  { owner, kill, quarantine }: RespondParts,
): Promise<Response> {
  const alone = (answer: ResponseOutcome): Response => ({ outcome: answer, isolationId: '' });
  if (owner.accepted?.automaticSettings === undefined)
    return alone(outcome(action, 'REFUSED', POLICY_SAYS_NO));
  switch (action) {
    case ResponseAction.RESPONSE_ACTION_ISOLATE:
      return isolate(finding.reason, finding.isolationId, owner);
    case ResponseAction.RESPONSE_ACTION_KILL_PROCESS:
      return alone(
        finding.process
          ? await killProcess(finding.process, kill)
          : outcome(action, 'NOT_NEEDED', 'no process matched'),
      );
    case ResponseAction.RESPONSE_ACTION_QUARANTINE_FILE:
      return alone(await toQuarantine(finding, quarantine));
    case ResponseAction.RESPONSE_ACTION_UNSPECIFIED:
    case ResponseAction.UNRECOGNIZED:
      return alone(outcome(action, 'REFUSED', 'this agent does not know the action'));
  }
}

async function toQuarantine(
  { file, hashes, quarantineId, detection }: Finding,
  quarantine: Pick<Quarantine, 'add'>,
): Promise<ResponseOutcome> {
  const action = ResponseAction.RESPONSE_ACTION_QUARANTINE_FILE;
  if (file === undefined) return outcome(action, 'NOT_NEEDED', 'no file matched');
  const reason = detection.iocMatch?.documentName ?? '';
  try {
    const record = await quarantine.add({ id: quarantineId, path: file, reason, hashes });
    return outcome(action, 'DONE', `${file} was moved into quarantine`, record.id);
  } catch (error) {
    const state =
      error instanceof QuarantineError
        ? ({ refused: 'REFUSED', absent: 'NOT_NEEDED', failed: 'FAILED', 'in-the-way': 'FAILED' } as const)[
            error.kind
          ]
        : 'FAILED';
    return outcome(action, state, `${file}: ${(error as Error).message}`);
  }
}
