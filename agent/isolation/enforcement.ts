import type { Enforcer, Terminated } from '../enforce/enforcer.js';
import { compilePlan, type Plan } from '../enforce/plan.js';
import { EnforcerKind } from '../../shared/gen/cordon/v1/isolation.js';
import type { Exclusion } from '../../shared/gen/cordon/v1/exclusion.js';
import { gatherEvidence, simulatedEvidence, type Canary, type Probe } from './evidence.js';
import { remainingMs, type Moment } from './deadline.js';
import type { Isolation, Proof } from './state.js';

export const SIMULATION = 'simulation: the recording enforcer blocks nothing';

export interface EnforcementParts {
  readonly enforcer: Enforcer;
  readonly probe: Probe;
  /** Destinations that must not be reachable, as they answered last while released. */
  readonly canaries: () => readonly Canary[];
  /** What the agent's own helper services need, beside the exclusions of the settings. */
  readonly helpers: readonly Exclusion[];
  readonly now: () => Moment;
}

/** What came of enforcing. */
export interface Outcome {
  readonly proof: Proof;
  /** The part that is not in force; undefined: all of it is. */
  readonly missing: string | undefined;
  /** When the rules had been read back. */
  readonly readBackAt: Moment;
}

/** The plan of an isolation as it stands now. */
export function planOf(isolation: Isolation, helpers: readonly Exclusion[], now: Moment): Plan {
  const { release, releaseDelayMs, enforcedAt } = isolation;
  const delay = releaseDelayMs === 0 ? undefined : releaseDelayMs;
  return compilePlan({
    isolationId: isolation.id,
    settings: { ...isolation.settings, exclusions: [...isolation.settings.exclusions, ...helpers] },
    serverEndpoints: isolation.pins.servers,
    resolvedHosts: new Map(Object.entries(isolation.pins.hosts).map(([host, found]) => [host, [...found]])),
    // The kernel's own deadline: the device comes back on time even if no agent is alive then.
    expiresInMs: enforcedAt ? release && Math.max(1, remainingMs(release, now)) : delay,
  });
}

/**
 * Brings the packet filter to an isolation and proves it: apply and read back, end connections, check.
 * @throws EnforceError where the packet filter refused; it then holds what it held before
 */
export async function enforce(isolation: Isolation, parts: EnforcementParts): Promise<Outcome> {
  const { enforcer, helpers, now } = parts;
  const plan = planOf(isolation, helpers, now());
  const { rulesHash, unsupported } = await enforcer.apply(plan);
  const readBackAt = now();
  if (enforcer.kind === EnforcerKind.ENFORCER_KIND_RECORDING) {
    const evidence = simulatedEvidence(readBackAt.wallMs, rulesHash);
    return { proof: { planId: plan.planId, unsupported, evidence }, missing: SIMULATION, readBackAt };
  }
  const proof = await prove(plan, parts);
  return { proof: { ...proof, unsupported }, missing: missingIn(proof), readBackAt };
}

/** Checks an isolation that is in force; connections that came up in spite of it are ended. */
export async function proveAgain(
  isolation: Isolation,
  before: Proof,
  parts: EnforcementParts,
): Promise<Pick<Outcome, 'proof' | 'missing'>> {
  const proof = await prove(planOf(isolation, parts.helpers, parts.now()), parts);
  return { proof: { ...proof, unsupported: before.unsupported }, missing: missingIn(proof) };
}

async function prove(plan: Plan, { enforcer, probe, canaries, now }: EnforcementParts): Promise<Proof> {
  const terminated = await terminate(enforcer, plan);
  const subject = { enforcer, plan, probe, canaries: canaries(), terminated };
  const evidence = await gatherEvidence(subject, () => now().wallMs);
  return { planId: plan.planId, unsupported: [], evidence };
}

async function terminate(enforcer: Enforcer, plan: Plan): Promise<Terminated | string> {
  try {
    return await enforcer.terminate(plan);
  } catch (error) {
    return `connections could not be ended: ${(error as Error).message}`;
  }
}

/** Without rules there is no isolation, whatever else holds. */
function missingIn({ evidence }: Proof): string | undefined {
  return evidence.rulesHash.length === 0 ? evidence.checks[0]?.detail : undefined;
}
