import { canonical } from '../../agent/enforce/wfp/canonical.js';
import { EnforceError, type Terminated } from '../../agent/enforce/enforcer.js';
import { compilePlan, type Plan } from '../../agent/enforce/plan.js';
import { filtersOf } from '../../agent/enforce/wfp/filters.js';
import { guid, type Layer } from '../../agent/enforce/wfp/guids.js';
import type { Filter } from '../../agent/enforce/wfp/types.js';
import { WfpEnforcer } from '../../agent/enforce/wfp/wfp-enforcer.js';
import { contextFor } from '../../agent/enforce/wfp/windows-parts.js';
import type { Exclusion } from '../../shared/gen/cordon/v1/exclusion.js';
import { IsolationSettings } from '../../shared/gen/cordon/v1/isolation.js';
import { FakeBfe } from './fake-bfe.js';
import type { FakeContent } from './fake-bfe-objects.js';
import { FakeClock } from './fake-clock.js';

const AGENT = 'C:\\Program Files\\Cordon\\cordon-agent.exe';
/** S-1-5-18. */
const AGENT_SID = Buffer.from('010100000000000512000000', 'hex');

export const ALE_LAYERS: readonly Layer[] = [
  'ALE_AUTH_CONNECT_V4',
  'ALE_AUTH_CONNECT_V6',
  'ALE_AUTH_RECV_ACCEPT_V4',
  'ALE_AUTH_RECV_ACCEPT_V6',
];

/** An isolation with exclusions, of which only the fields that matter are given. */
export function wfpPlan(exclusions: readonly Partial<Exclusion>[] = []): Plan {
  return compilePlan({
    isolationId: 'isolation',
    settings: IsolationSettings.fromPartial({
      exclusions: exclusions.map((exclusion, index) => ({ name: `rule ${index}`, ...exclusion })),
    }),
    serverEndpoints: [
      { address: '192.0.2.1', port: 7443 },
      { address: '2001:db8::1', port: 7443 },
    ],
    resolvedHosts: new Map(),
    expiresInMs: undefined,
  });
}

/** An enforcer on a BFE in memory. */
export class WfpSite {
  readonly clock = new FakeClock();
  readonly bfe = new FakeBfe();
  readonly enforcer: WfpEnforcer;

  /** @param terminate what ending connections comes to */
  constructor(
    private readonly terminate: () => Promise<Terminated> = () =>
      Promise.reject(new EnforceError('no connections here')),
  ) {
    this.enforcer = this.another();
  }

  /** One in another process. */
  another(): WfpEnforcer {
    return new WfpEnforcer(
      {
        open: this.bfe.open,
        contextOf: (engine, plan) => contextFor(engine, plan, AGENT, AGENT_SID),
        terminate: this.terminate,
        connections: () => Promise.resolve([]),
      },
      this.clock,
      () => 0.5,
    );
  }

  /** What BFE should hold while `plan` is in force, in an order of its own. */
  async wanted(plan: Plan): Promise<string[]> {
    const engine = await new FakeBfe().open();
    return texts(filtersOf(plan, await contextFor(engine, plan, AGENT, AGENT_SID)).filters);
  }

  /** What BFE holds. */
  held(content: FakeContent = this.bfe.content): string[] {
    return texts([...content.filters.values()]);
  }

  /** Changes what BFE holds without a call of ours: another program does. */
  tamper(change: (content: FakeContent) => Partial<FakeContent>): void {
    this.bfe.commit({ ...this.bfe.content, ...change(this.bfe.content) });
  }

  /** The first filter with that name, whatever stands before it. */
  filter(name: string): Filter {
    const found = [...this.bfe.content.filters.values()].find((filter) => filter.name.endsWith(name));
    if (!found) throw new Error(`no filter of that name: ${name}`);
    return found;
  }
}

function texts(filters: readonly Filter[]): string[] {
  return filters.map((filter) => `${filter.key}\n${canonical(filter)}`).sort();
}

/** A hard permit for everything, by nobody that we know. */
export function foreignPermit(change: Partial<Filter> = {}): Filter {
  return {
    key: guid('11111111-2222-4333-8444-555555555555'),
    name: 'let me out',
    description: '',
    provider: undefined,
    sublayer: guid('99999999-2222-4333-8444-555555555555'),
    layer: 'ALE_AUTH_CONNECT_V4',
    lifetime: 'persistent',
    weight: { kind: 'class', value: 15 },
    conditions: [],
    action: 'permit',
    hard: true,
    data: Buffer.alloc(0),
    ...change,
  };
}
