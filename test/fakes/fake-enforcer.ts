import { createHash } from 'node:crypto';
import { Subject, type Observable } from 'rxjs';
import {
  EnforceError,
  type Applied,
  type Disturbance,
  type Enforcer,
  type Inspection,
  type Terminated,
} from '../../agent/enforce/enforcer.js';
import type { Plan } from '../../agent/enforce/plan.js';
import { EnforcerKind } from '../../shared/gen/cordon/v1/isolation.js';
import type { Connection } from '../../shared/gen/cordon/v1/network.js';

/** A packet filter in memory that calls itself nftables and fails, or is tampered with, when a test says so. */
export class FakeEnforcer implements Enforcer {
  readonly kind: EnforcerKind = EnforcerKind.ENFORCER_KIND_NFTABLES;
  keepsDeadline = true;
  /** What "others" have put before our rules. */
  overruledBy: readonly string[] = [];
  /** What "the kernel" holds. It survives the agent of a test. */
  plan: Plan | undefined;
  /** Plans in the order in which they were applied; undefined: cleared. */
  readonly history: (Plan | undefined)[] = [];
  /** Every call fails with this until it is cleared. */
  broken: string | undefined;
  remaining: Connection[] = [];
  private appliedAt = 0;
  private readonly disturbances = new Subject<Disturbance>();

  /** @param awake the kernel's clock of timers, milliseconds; it stands still in suspend */
  constructor(private readonly awake: () => number) {}

  apply(plan: Plan): Promise<Applied> {
    return this.doing(() => {
      this.plan = plan;
      this.appliedAt = this.awake();
      this.history.push(plan);
      return { planId: plan.planId, rulesHash: hashOf(plan), unsupported: [] };
    });
  }

  clear(): Promise<void> {
    return this.doing(() => {
      this.plan = undefined;
      this.history.push(undefined);
    });
  }

  inspect(): Promise<Inspection> {
    return this.doing((): Inspection => {
      const { plan } = this;
      const holdsForMs = this.keepsDeadline ? this.holdsForMs : undefined;
      if (!plan) return { kind: 'absent' };
      return { kind: 'intact', planId: plan.planId, rulesHash: hashOf(plan), holdsForMs };
    });
  }

  /** Time until "the kernel" would let go by itself, milliseconds; undefined: never. */
  get holdsForMs(): number | undefined {
    const expiresInMs = this.plan?.expiresInMs;
    return expiresInMs === undefined ? undefined : expiresInMs - (this.awake() - this.appliedAt);
  }

  watch(): Observable<Disturbance> {
    return this.disturbances;
  }

  /** Somebody else removes the rules. */
  tamper(): void {
    this.plan = undefined;
    this.disturbances.next({ detail: 'table deleted' });
  }

  get watched(): boolean {
    return this.disturbances.observed;
  }

  terminate(): Promise<Terminated> {
    return this.doing(() => ({ ended: 1, remaining: this.remaining }));
  }

  connections(): Promise<Connection[]> {
    return this.doing(() => this.remaining);
  }

  probe(): Promise<void> {
    return this.doing(() => undefined);
  }

  overrulers(): Promise<readonly string[]> {
    return this.doing(() => this.overruledBy);
  }

  private async doing<T>(work: () => T): Promise<T> {
    await Promise.resolve();
    if (this.broken !== undefined) throw new EnforceError(this.broken);
    return work();
  }
}

function hashOf(plan: Plan): Buffer {
  return createHash('sha256').update(plan.planId).digest();
}
