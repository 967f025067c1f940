import { status } from '@grpc/grpc-js';
import { characters } from '../../shared/characters.js';
import type { Clock } from '../../shared/clock.js';
import { CordonError, invalid, type Violation } from '../../shared/errors.js';
import type { AgentEvent } from '../../shared/gen/cordon/v1/agent_service.js';
import { ErrorReason } from '../../shared/gen/cordon/v1/error.js';
import type { ObservedIsolation } from '../../shared/gen/cordon/v1/isolation.js';
import type { DisableIsolationRequest } from '../../shared/gen/cordon/v1/local_service.js';
import type { Logger } from '../../shared/log.js';
import { verifyPassword } from '../../shared/password-hash.js';
import type { IsolationOwner } from '../isolation/owner.js';
import { Allowance } from './allowance.js';
import { Attempts } from './attempts.js';
import type { CheckLogin } from './login/check.js';
import { demandOf } from './release-demand.js';

const LONGEST_LOGIN = 64;
const LONGEST_PASSWORD = 1024;
/** A guesser must not push other news out of the outbox: so many refusals are told at once, then one every ten minutes. */
const REFUSALS_AT_ONCE = 10;
const REFUSAL_EVERY_MS = 600_000;

export interface LocalReleaseParts {
  readonly clock: Clock;
  readonly log: Logger;
  readonly owner: Pick<IsolationOwner, 'isolated' | 'accepted' | 'releaseLocally' | 'observed'>;
  readonly checkLogin: CheckLogin;
  /** Keeps an event until the server has it. */
  readonly tell: (event: NonNullable<AgentEvent['event']>) => void;
}

/** Release by somebody at the device (seed: local command line). Works without the server: its last word is on disk. */
export class LocalRelease {
  private readonly attempts: Attempts;
  private readonly reports: Allowance;
  /** Refusals that were not told one by one. */
  private untold = 0;

  constructor(private readonly parts: LocalReleaseParts) {
    this.attempts = new Attempts(parts.clock);
    this.reports = new Allowance(parts.clock, REFUSALS_AT_ONCE, REFUSAL_EVERY_MS);
  }

  /**
   * @param caller user of the process that asks; a local administrator
   * @param gone tells whether it has left
   * @throws CordonError INVALID_ARGUMENT, FAILED_PRECONDITION, PERMISSION_DENIED, RESOURCE_EXHAUSTED
   */
  async release(
    request: DisableIsolationRequest,
    caller: string,
    gone: () => boolean,
  ): Promise<ObservedIsolation> {
    const { owner, log } = this.parts;
    validate(request);
    if (!owner.isolated) throw notIsolated();
    const who = request.login === '' ? caller : request.login;
    if (this.demand(request).kind === 'nothing') return this.carryOut(who);
    const problem = await this.checked(request, gone);
    if (problem !== undefined) {
      log.warn({ who, problem }, 'refused to release at the device');
      this.report(who, problem);
      throw refused(problem);
    }
    return this.carryOut(who);
  }

  stop(): void {
    this.attempts.stop();
  }

  private demand(request: DisableIsolationRequest): ReturnType<typeof demandOf> {
    return demandOf(this.parts.owner.accepted?.localRelease, request);
  }

  private async carryOut(who: string): Promise<ObservedIsolation> {
    const by = `local:${who}`;
    if (!(await this.parts.owner.releaseLocally(by))) throw notIsolated();
    this.parts.log.info({ by }, 'released at the device');
    return this.parts.owner.observed();
  }

  /** Why a request is refused; undefined: it is not. */
  private async checked(request: DisableIsolationRequest, gone: () => boolean): Promise<string | undefined> {
    const demand = this.demand(request);
    switch (demand.kind) {
      case 'nothing':
        return undefined;
      case 'refused':
        return demand.why;
      case 'policy-password': {
        const right = await this.attempts.run(() => verifyPassword(request.password, demand.hash), gone);
        return right ? undefined : 'wrong password';
      }
      case 'login-password': {
        let why: string | undefined;
        const check = async (): Promise<boolean> => {
          const verdict = await this.parts.checkLogin(demand.user, request.password);
          if (verdict.kind !== 'fits') why = `${demand.user}: ${verdict.why}`;
          // A password that could not be checked costs time all the same: a broken module must not help to guess.
          return verdict.kind === 'fits';
        };
        return (await this.attempts.run(check, gone)) ? undefined : why;
      }
    }
  }

  private report(user: string, why: string): void {
    if (this.reports.take() > 0) {
      this.untold += 1;
      return;
    }
    const more = this.untold === 0 ? '' : ` (${this.untold} more since the last report)`;
    this.untold = 0;
    try {
      this.parts.tell({ $case: 'releaseRefused', value: { user, detail: `${why}${more}` } });
    } catch (error) {
      this.parts.log.error({ err: error }, 'an event cannot be saved; make room in the data folder');
    }
  }
}

function validate({ login, password }: DisableIsolationRequest): void {
  const found: Violation[] = [];
  if (characters(login) > LONGEST_LOGIN || /\p{Cc}/u.test(login)) {
    const description = `must be the name of a user, up to ${LONGEST_LOGIN} characters`;
    found.push({ field: 'login', description });
  }
  if (characters(password) > LONGEST_PASSWORD || password.includes('\0')) {
    found.push({ field: 'password', description: `must have at most ${LONGEST_PASSWORD} characters` });
  }
  if (found.length > 0) throw invalid(found);
}

function notIsolated(): CordonError {
  return new CordonError(
    status.FAILED_PRECONDITION,
    ErrorReason.ERROR_REASON_NOT_ISOLATED,
    'this device is not isolated',
  );
}

function refused(problem: string): CordonError {
  return new CordonError(
    status.PERMISSION_DENIED,
    ErrorReason.ERROR_REASON_PASSWORD_REFUSED,
    `not released: ${problem}`,
  );
}
