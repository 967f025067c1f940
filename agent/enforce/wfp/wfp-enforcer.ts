import { systemClock, type Clock } from '../../../shared/clock.js';
import { EnforcerKind } from '../../../shared/gen/cordon/v1/isolation.js';
import type { Connection } from '../../../shared/gen/cordon/v1/network.js';
import type { Observable } from 'rxjs';
import { Serial } from '../../serial.js';
import {
  EnforceError,
  UnprovenError,
  type Applied,
  type Disturbance,
  type Enforcer,
  type Fingerprint,
  type Inspection,
  type Terminated,
} from '../enforcer.js';
import type { Plan } from '../plan.js';
import { assess, differenceTo, hashOf } from './compare.js';
import type { WfpEngine } from './engine-interface.js';
import { EngineKeeper } from './engine-keeper.js';
import { WfpError } from './errors.js';
import { filtersInTurns, type WfpContext } from './filters.js';
import type { Guid } from './guids.js';
import { isEmpty, readHoldings } from './holdings.js';
import { findOverrulers } from './overrulers.js';
import { probeEngine } from './probe.js';
import { swap, swapFromScratch, sweep } from './swap.js';
import type { Filter } from './types.js';
import { watchFilters } from './watch.js';

/** Somebody may change the filters between writing and reading back: so often are they written before that is a failure. */
const WRITE_ATTEMPTS = 3;

const LEFT_OVER = ['FWP_E_ALREADY_EXISTS', 'FWP_E_LIFETIME_MISMATCH'];

/** What this enforcer takes from Windows. */
export interface WfpParts {
  readonly open: () => Promise<WfpEngine>;
  readonly contextOf: (engine: WfpEngine, plan: Plan) => Promise<WfpContext>;
  readonly terminate: (plan: Plan) => Promise<Terminated>;
  readonly connections: () => Promise<Connection[]>;
}

/** What this process wrote last. */
interface Written extends Fingerprint {
  readonly filters: readonly Filter[];
  readonly keys: ReadonlySet<Guid>;
}

/**
 * Isolates with filters of the Windows Filtering Platform, all under one provider and in one sublayer, that are swapped in
 * one transaction. docs/security.md says what passes.
 */
export class WfpEnforcer implements Enforcer {
  readonly kind = EnforcerKind.ENFORCER_KIND_WFP;
  readonly keepsDeadline = false;
  private readonly keeper: EngineKeeper;
  /** Reading back while a transaction is under way would compare the old with the new. */
  private readonly serial = new Serial();
  /** Undefined after `clear` and before the first `apply`. */
  private written: Written | undefined;

  constructor(
    private readonly parts: WfpParts,
    private readonly clock: Clock = systemClock,
    private readonly random: () => number = Math.random,
  ) {
    this.keeper = new EngineKeeper(parts.open, clock);
  }

  apply(plan: Plan): Promise<Applied> {
    let committed = false;
    return this.use(async (engine) => {
      const { filters, unsupported } = await filtersInTurns(plan, await this.parts.contextOf(engine, plan));
      const { planId } = plan;
      const rulesHash = await writeAndReadBack(engine, filters, () => (committed = true));
      this.written = { planId, rulesHash, filters, keys: new Set(filters.map(({ key }) => key)) };
      return { planId, rulesHash, unsupported: [...plan.unresolved, ...unsupported] };
    }).catch((error: unknown) => {
      throw committed ? new UnprovenError((error as Error).message, { cause: error }) : error;
    });
  }

  clear(): Promise<void> {
    return this.use(async (engine) => {
      await engine.transaction(sweep);
      this.written = undefined;
      const left = await readHoldings(engine);
      if (isEmpty(left)) return;
      throw new EnforceError(
        left.filters.length > 0
          ? `${left.filters.length} filters of ours are there again after their removal: another agent may be running`
          : 'all filters that this version knows are gone, but others refer to our sublayer or provider: remove them with the version of Cordon that made them; "netsh wfp show filters" lists them',
      );
    });
  }

  inspect(expected?: Fingerprint): Promise<Inspection> {
    return this.use(async (engine) => {
      const { written } = this;
      return assess(await readHoldings(engine), expected ?? written, written?.filters);
    });
  }

  watch(): Observable<Disturbance> {
    return watchFilters({
      clock: this.clock,
      random: this.random,
      use: (work) => this.use(work),
      isOwn: (key) => this.written?.keys.has(key) ?? false,
      difference: () => this.difference(),
    });
  }

  overrulers(): Promise<readonly string[]> {
    return this.use(findOverrulers);
  }

  terminate(plan: Plan): Promise<Terminated> {
    return this.parts.terminate(plan);
  }

  connections(): Promise<Connection[]> {
    return this.parts.connections();
  }

  probe(): Promise<void> {
    return this.use(probeEngine);
  }

  close(): Promise<void> {
    return this.serial.run(() => this.keeper.close());
  }

  /** Undefined while everything is as this process left it. */
  private async difference(): Promise<string | undefined> {
    try {
      return await this.use(async (engine) => {
        const { written } = this;
        const inspection = assess(await readHoldings(engine), written, written?.filters);
        switch (inspection.kind) {
          case 'intact':
            return undefined;
          case 'absent':
            return written === undefined ? undefined : 'all our filters are gone';
          case 'altered':
            return inspection.detail;
        }
      });
    } catch (error) {
      // Not being able to look is no proof that all is well.
      return `the filters could not be read back: ${(error as Error).message}`;
    }
  }

  private use<T>(work: (engine: WfpEngine) => Promise<T>): Promise<T> {
    return this.serial.run(() => this.keeper.use(work));
  }
}

/** @throws EnforceError where the engine does not hold the filters however often they are written */
async function writeAndReadBack(
  engine: WfpEngine,
  filters: readonly Filter[],
  onCommitted: () => void,
): Promise<Buffer> {
  let difference: string | undefined;
  for (let attempt = 0; attempt < WRITE_ATTEMPTS; attempt += 1) {
    await write(engine, filters);
    onCommitted();
    const held = await readHoldings(engine);
    difference = differenceTo(filters, held);
    if (difference === undefined) return hashOf(held.filters);
  }
  throw new EnforceError(
    `the filter engine took the filters and does not hold them: ${difference}; another program may be changing them`,
  );
}

async function write(engine: WfpEngine, filters: readonly Filter[]): Promise<void> {
  try {
    await engine.transaction((objects) => swap(objects, filters));
  } catch (error) {
    // Something of ours is where nobody looked.
    const leftOver = error instanceof WfpError && LEFT_OVER.some((name) => error.is(name));
    if (!leftOver) throw error;
    await engine.transaction((objects) => swapFromScratch(objects, filters));
  }
}
