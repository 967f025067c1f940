import { concatMap, debounceTime, filter, map, type Observable } from 'rxjs';
import { systemClock, type Clock } from '../../../shared/clock.js';
import { EnforcerKind } from '../../../shared/gen/cordon/v1/isolation.js';
import type { Connection } from '../../../shared/gen/cordon/v1/network.js';
import { Serial } from '../../serial.js';
import { listConnections } from '../ss/list.js';
import { terminateConnections } from '../ss/terminate.js';
import {
  EnforceError,
  type Applied,
  type Disturbance,
  type Enforcer,
  type Fingerprint,
  type Inspection,
  type Terminated,
} from '../enforcer.js';
import type { Plan } from '../plan.js';
import { readRenderContext } from './cgroups.js';
import { hookPriorityOf, priorityBehind } from './hook-priority.js';
import { isReleased, parseListing, structuralDifference, type Listing } from './listing.js';
import { monitorEvents } from './monitor.js';
import { listTable, loadAndList, loadTransaction } from './nft.js';
import { probeNftables } from './probe.js';
import { renderPlan, renderRemoval, type Rendered } from './render.js';

/** Events of one transaction arrive together; one look afterwards is enough. Milliseconds. */
const SETTLE_MS = 25;

/** Somebody may change the rules between loading and reading back: so often are they loaded before that is a failure. */
const LOAD_ATTEMPTS = 3;

/** Isolates with one nftables table, `inet cordon`, that is replaced as a whole. docs/security.md says what passes. */
export class NftablesEnforcer implements Enforcer {
  readonly kind = EnforcerKind.ENFORCER_KIND_NFTABLES;
  readonly keepsDeadline = true;
  /** What this process wrote last; undefined after `clear` and before the first `apply`. */
  private applied: Fingerprint | undefined;
  /** Where the chains at the hooks are; undefined: there are none, null: nobody has looked yet. */
  private priority: number | undefined | null = null;
  /** Reading back while a transaction is under way would compare the old with the new. */
  private readonly serial = new Serial();

  constructor(
    private readonly clock: Clock = systemClock,
    private readonly random: () => number = Math.random,
  ) {}

  apply(plan: Plan): Promise<Applied> {
    return this.serial.run(async () => {
      const { listing, unsupported } = await this.loadAndReadBack(plan);
      this.applied = { planId: plan.planId, rulesHash: listing.rulesHash };
      return { ...this.applied, unsupported: [...plan.unresolved, ...unsupported] };
    });
  }

  clear(): Promise<void> {
    return this.serial.run(async () => {
      await loadTransaction(renderRemoval());
      this.applied = undefined;
      if ((await this.list()) !== undefined) {
        throw new EnforceError(
          'table inet cordon is still there after its removal: nft delete table inet cordon',
        );
      }
    });
  }

  inspect(expected?: Fingerprint): Promise<Inspection> {
    return this.serial.run(() => this.compare(expected ?? this.applied));
  }

  /** Looks at the rules after each event, so that our own transactions stay silent and a foreign one among them does not. */
  watch(): Observable<Disturbance> {
    return monitorEvents(this.clock, this.random).pipe(
      debounceTime(SETTLE_MS),
      concatMap(async (event) => ({ event, difference: await this.difference() })),
      filter(({ difference }) => difference !== undefined),
      map(({ event, difference }) => ({ detail: `${difference} (${event})` })),
    );
  }

  terminate(plan: Plan): Promise<Terminated> {
    return terminateConnections(plan, process.pid);
  }

  connections(): Promise<Connection[]> {
    return listConnections();
  }

  probe(): Promise<void> {
    return probeNftables();
  }

  private async compare(expected: Fingerprint | undefined): Promise<Inspection> {
    const text = await this.list();
    if (text === undefined) return { kind: 'absent' };
    const listing = parseListing(text);
    const { planId, rulesHash, holdsForMs } = listing;
    if (isReleased(listing)) {
      return {
        kind: 'altered',
        detail: 'the hold set is empty: its deadline passed, or somebody emptied it',
      };
    }
    if (expected === undefined) {
      return {
        kind: 'altered',
        detail: `plan ${planId ?? 'unknown'} was applied by nobody that this process knows`,
      };
    }
    if (planId !== expected.planId) {
      return {
        kind: 'altered',
        detail: `plan ${planId ?? 'unknown'} is in force in place of ${expected.planId}`,
      };
    }
    if (!rulesHash.equals(expected.rulesHash)) {
      return { kind: 'altered', detail: 'rules in table inet cordon differ from what was applied' };
    }
    return { kind: 'intact', planId, rulesHash, holdsForMs };
  }

  /** @throws EnforceError where nft refuses the rules, or the kernel does not hold them however often they are loaded */
  private async loadAndReadBack(
    plan: Plan,
  ): Promise<{ readonly listing: Listing; readonly unsupported: Rendered['unsupported'] }> {
    if (this.priority === null) await this.list();
    const context = readRenderContext();
    // Probably: where somebody made the table since we looked, the text that replaces it is loaded instead.
    const absent = this.priority === undefined;
    let difference: string | undefined;
    for (let attempt = 0; attempt < LOAD_ATTEMPTS; attempt += 1) {
      const priority = priorityBehind(this.priority ?? undefined);
      const { text, creation, counts, unsupported } = renderPlan(plan, context, priority);
      const listed = await this.noting(() =>
        loadAndList(absent && attempt === 0 ? [creation, text] : [text]),
      );
      const listing = listed === undefined ? undefined : parseListing(listed);
      difference =
        listed === undefined ? 'the table is not there' : structuralDifference(listed, counts, priority);
      if (listing !== undefined && difference === undefined) {
        if (listing.planId === plan.planId) return { listing, unsupported };
        difference = 'the table does not carry the name of the plan';
      }
    }
    throw new EnforceError(
      `the kernel accepted the rules and does not hold them: ${difference}; check its nf_tables modules`,
    );
  }

  private list(): Promise<string | undefined> {
    return this.noting(listTable);
  }

  /** Remembers where the chains of a listing are; nothing, if there is no listing to be had. */
  private async noting(read: () => Promise<string | undefined>): Promise<string | undefined> {
    this.priority = null;
    const listing = await read();
    this.priority = listing === undefined ? undefined : hookPriorityOf(listing);
    return listing;
  }

  /** Undefined while everything is as this process left it. */
  private async difference(): Promise<string | undefined> {
    try {
      const { expected, inspection } = await this.serial.run(async () => ({
        expected: this.applied,
        inspection: await this.compare(this.applied),
      }));
      switch (inspection.kind) {
        case 'intact':
          return undefined;
        case 'absent':
          return expected === undefined ? undefined : 'table inet cordon is gone';
        case 'altered':
          return inspection.detail;
      }
    } catch (error) {
      // Not being able to look is no proof that all is well.
      return `the rules could not be read back: ${error instanceof Error ? error.message : String(error)}`;
    }
  }
}
