import { pino } from 'pino';
import type { Moment } from '../../agent/isolation/deadline.js';
import { IsolationOwner } from '../../agent/isolation/owner.js';
import { NOTHING_YET, type Durable, type IsolationStore } from '../../agent/isolation/store.js';
import type { AgentEvent } from '../../shared/gen/cordon/v1/agent_service.js';
import type { FakeClock } from './fake-clock.js';
import { FakeEnforcer } from './fake-enforcer.js';

export const silent = pino({ level: 'silent' });

/** A disk in memory that can be full. */
export class FakeStore implements IsolationStore {
  content: Durable = NOTHING_YET;
  full = false;
  /** State kinds in the order in which they reached the disk. */
  readonly kinds: string[] = [];

  load(): Durable {
    return this.content;
  }

  save(durable: Durable): void {
    if (this.full) throw new Error('no space left on device');
    this.content = durable;
    this.kinds.push(durable.state.kind);
  }
}

/** An isolation owner with everything around it in memory; `restart` is what a crash leaves. */
export class OwnerSite {
  readonly store = new FakeStore();
  readonly events: NonNullable<AgentEvent['event']>[] = [];
  readonly names = new Map<string, string[]>();
  serverReachable = true;
  bootId = 'boot-1';
  owner: IsolationOwner;

  constructor(
    readonly clock: FakeClock,
    readonly enforcer = new FakeEnforcer(() => clock.awake),
  ) {
    this.owner = this.make();
  }

  now(): Moment {
    return { bootId: this.bootId, sinceBootMs: this.clock.sinceBoot(), wallMs: this.clock.wall() };
  }

  /** The agent is gone without a word, and another one starts. */
  async restart(): Promise<void> {
    await this.owner.stop();
    this.owner = this.make();
    await this.owner.start();
  }

  /** Kinds of the events that were told. */
  told(): string[] {
    return this.events.map(({ $case }) => $case);
  }

  private make(): IsolationOwner {
    return new IsolationOwner({
      clock: this.clock,
      bootId: this.bootId,
      log: silent,
      enforcer: this.enforcer,
      store: this.store,
      lookup: (host) => Promise.resolve(this.names.get(host) ?? []),
      probe: () => Promise.resolve(this.serverReachable),
      servers: () => [{ address: '192.0.2.1', port: 7443 }],
      canaries: () => [],
      helpers: [],
      tell: (event) => this.events.push(event),
    });
  }
}

/** Lets everything that waits for nothing but its turn run. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
}
