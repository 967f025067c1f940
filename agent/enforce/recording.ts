import { createHash } from 'node:crypto';
import { EMPTY, type Observable } from 'rxjs';
import { EnforcerKind } from '../../shared/gen/cordon/v1/isolation.js';
import type { Connection } from '../../shared/gen/cordon/v1/network.js';
import type { Applied, Disturbance, Enforcer, Fingerprint, Inspection, Terminated } from './enforcer.js';
import type { Plan } from './plan.js';

/**
 * For simulations and benchmarks: remembers the plan and blocks nothing. Its kind says so, and a device with it is never
 * shown as enforced.
 */
export class RecordingEnforcer implements Enforcer {
  readonly kind = EnforcerKind.ENFORCER_KIND_RECORDING;
  readonly keepsDeadline = false;
  private current: Plan | undefined;

  /** The plan that a real enforcer would enforce now. */
  get plan(): Plan | undefined {
    return this.current;
  }

  apply(plan: Plan): Promise<Applied> {
    this.current = plan;
    return Promise.resolve({ planId: plan.planId, rulesHash: hashOf(plan), unsupported: plan.unresolved });
  }

  clear(): Promise<void> {
    this.current = undefined;
    return Promise.resolve();
  }

  inspect(expected?: Fingerprint): Promise<Inspection> {
    const plan = this.current;
    if (plan === undefined) return Promise.resolve({ kind: 'absent' });
    if (expected !== undefined && expected.planId !== plan.planId) {
      return Promise.resolve({ kind: 'altered', detail: `plan ${plan.planId} is recorded` });
    }
    const { planId, expiresInMs: holdsForMs } = plan;
    return Promise.resolve({ kind: 'intact', planId, rulesHash: hashOf(plan), holdsForMs });
  }

  /** Nobody else can change what only this object holds. */
  watch(): Observable<Disturbance> {
    return EMPTY;
  }

  terminate(): Promise<Terminated> {
    return Promise.resolve({ ended: 0, remaining: [] });
  }

  connections(): Promise<Connection[]> {
    return Promise.resolve([]);
  }

  probe(): Promise<void> {
    return Promise.resolve();
  }
}

function hashOf(plan: Plan): Buffer {
  return createHash('sha256').update(plan.planId).digest();
}
