import type { Enforcer, Terminated } from '../enforce/enforcer.js';
import type { Endpoint, Plan } from '../enforce/plan.js';
import {
  CheckResult,
  Verification,
  type EvidenceCheck,
  type IsolationEvidence,
} from '../../shared/gen/cordon/v1/isolation.js';
import { IpFamily } from '../../shared/gen/cordon/v1/network.js';
import { toTimestamp } from '../../shared/time.js';

const {
  CHECK_RESULT_PASSED: PASSED,
  CHECK_RESULT_FAILED: FAILED,
  CHECK_RESULT_SKIPPED: SKIPPED,
} = CheckResult;

/** Tells whether a TCP connection to an endpoint can be made. Ends by itself, within seconds. */
export type Probe = (endpoint: Endpoint) => Promise<boolean>;

/** A destination that must not be reachable while isolated. */
export interface Canary {
  readonly endpoint: Endpoint;
  /** It answered before the isolation: only then does its silence prove something. */
  readonly answeredBefore: boolean;
}

/** What the checks need. */
export interface Subject {
  readonly enforcer: Enforcer;
  readonly plan: Plan;
  readonly probe: Probe;
  readonly canaries: readonly Canary[];
  /** What ending the connections came to; a text says why it could not be done. */
  readonly terminated: Terminated | string;
}

/** Makes every check there is, at the same time. Never rejects: a check that breaks has failed. */
export async function gatherEvidence(subject: Subject, wallMs: () => number): Promise<IsolationEvidence> {
  const { terminated } = subject;
  const [rules, overrulers, server, canaries] = await Promise.all([
    checkRules(subject),
    checkOverrulers(subject),
    checkServer(subject),
    checkCanaries(subject),
  ]);
  const checks = [rules.check, ...overrulers, server, checkTerminated(terminated), ...canaries];
  return {
    verification: sumUp(checks),
    checks,
    checkedAt: toTimestamp(wallMs()),
    connectionsTerminated: typeof terminated === 'string' ? 0 : terminated.ended,
    connectionsRemaining: typeof terminated === 'string' ? 0 : terminated.remaining.length,
    rulesHash: rules.hash,
  };
}

/** A simulation has nothing to check and can never be verified. */
export function simulatedEvidence(wallMs: number, rulesHash: Buffer): IsolationEvidence {
  const detail = 'simulation: nothing is blocked';
  return {
    verification: Verification.VERIFICATION_UNVERIFIED,
    checks: [check('rules-match-plan', SKIPPED, detail)],
    checkedAt: toTimestamp(wallMs),
    connectionsTerminated: 0,
    connectionsRemaining: 0,
    rulesHash,
  };
}

/**
 * Verified: checks were made and all passed. A check that nobody asked for (no canary is set) does not count against it;
 * one that should have been made and could not be makes it partial.
 */
function sumUp(checks: readonly EvidenceCheck[]): Verification {
  const made = checks.filter(({ result }) => result !== SKIPPED);
  if (made.length === 0 || made.some(({ result }) => result !== PASSED)) {
    return Verification.VERIFICATION_UNVERIFIED;
  }
  const missing = checks.some(({ result, detail }) => result === SKIPPED && detail !== NO_CANARY);
  return missing ? Verification.VERIFICATION_PARTIAL : Verification.VERIFICATION_VERIFIED;
}

const NO_CANARY = 'no canary is set';

function check(
  name: string,
  result: CheckResult,
  detail: string,
  family = IpFamily.IP_FAMILY_UNSPECIFIED,
): EvidenceCheck {
  return { name, result, detail, family };
}

async function checkRules({ enforcer, plan }: Subject): Promise<{ check: EvidenceCheck; hash: Buffer }> {
  const failed = (detail: string): { check: EvidenceCheck; hash: Buffer } => ({
    check: check('rules-match-plan', FAILED, detail),
    hash: Buffer.alloc(0),
  });
  try {
    const found = await enforcer.inspect();
    switch (found.kind) {
      case 'absent':
        return failed('the packet filter holds no rules of ours');
      case 'altered':
        return failed(found.detail);
      case 'intact':
        if (found.planId !== plan.planId)
          return failed(`the packet filter holds another plan, ${found.planId}`);
        return {
          check: check('rules-match-plan', PASSED, 'the rules in the packet filter equal the plan'),
          hash: found.rulesHash,
        };
    }
  } catch (error) {
    return failed(`the rules could not be read back: ${(error as Error).message}`);
  }
}

/** Only where others can overrule a block at all. */
async function checkOverrulers({ enforcer }: Subject): Promise<EvidenceCheck[]> {
  const name = 'nothing-overrules';
  try {
    if (enforcer.overrulers === undefined) return [];
    const [first, ...more] = await enforcer.overrulers();
    if (first === undefined) return [check(name, PASSED, 'no rule of others lets through what ours block')];
    return [check(name, FAILED, more.length === 0 ? first : `${first} (and ${more.length} more)`)];
  } catch (error) {
    return [check(name, FAILED, `the rules of others could not be read: ${(error as Error).message}`)];
  }
}

async function checkServer({ plan, probe }: Subject): Promise<EvidenceCheck> {
  const results = await Promise.all(plan.serverEndpoints.map((endpoint) => probe(endpoint)));
  const reached = plan.serverEndpoints.find((_, index) => results[index]);
  if (reached) {
    const detail = `connected to ${reached.address} port ${reached.port}`;
    return check('server-reachable', PASSED, detail, familyOf(reached));
  }
  return check('server-reachable', FAILED, 'no connection to any address of the server could be made');
}

function checkTerminated(terminated: Terminated | string): EvidenceCheck {
  const name = 'connections-terminated';
  if (typeof terminated === 'string') return check(name, FAILED, terminated);
  const { ended, remaining } = terminated;
  const first = remaining[0];
  if (!first) return check(name, PASSED, `${ended} connections were ended, none is left`);
  const where = `${first.remoteAddress} port ${first.remotePort}${terminated.why === undefined ? '' : `: ${terminated.why}`}`;
  return check(name, FAILED, `${remaining.length} connections could not be ended, the first one to ${where}`);
}

async function checkCanaries({ canaries, probe }: Subject): Promise<EvidenceCheck[]> {
  const name = 'canary-unreachable';
  if (canaries.length === 0) return [check(name, SKIPPED, NO_CANARY)];
  return Promise.all(
    canaries.map(async ({ endpoint, answeredBefore }) => {
      const where = `${endpoint.address} port ${endpoint.port}`;
      const family = familyOf(endpoint);
      if (!answeredBefore)
        return check(name, SKIPPED, `${where} did not answer before the isolation`, family);
      return (await probe(endpoint))
        ? check(name, FAILED, `${where} can still be reached`, family)
        : check(name, PASSED, `${where} answered before and cannot be reached now`, family);
    }),
  );
}

const familyOf = ({ address }: Endpoint): IpFamily =>
  address.includes(':') ? IpFamily.IP_FAMILY_IPV6 : IpFamily.IP_FAMILY_IPV4;
