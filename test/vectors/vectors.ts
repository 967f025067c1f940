import fc from 'fast-check';
import { compilePlan, type Plan } from '../../agent/enforce/plan.js';
import { judge } from '../../agent/enforce/model.js';
import { classify } from '../../agent/enforce/wfp/classify.js';
import { Exclusion } from '../../shared/gen/cordon/v1/exclusion.js';
import { IsolationSettings } from '../../shared/gen/cordon/v1/isolation.js';
import { exclusion, family, LOCAL, OTHERS, REMOTE, transport } from './generators.js';
import { OWNERS, packetOn, PROGRAMS, type Probe } from './scene.js';
import { differenceOf } from './differences.js';
import { processOf, toJson, type FlowVector, type Vector } from './vector.js';

/** The other side of the agent's own channel. */
const SERVERS = [
  { address: '192.0.2.2', port: 1000 },
  { address: '2001:db8:77::2', port: 1000 },
];

const ICMP_TYPES = {
  4: [0, 3, 4, 5, 8, 11, 12, 13, 14, 17],
  6: [1, 2, 3, 4, 128, 129, 130, 131, 132, 133, 134, 135, 136, 137, 138, 143],
} as const;

/** ICMPv6 over IPv4 and ICMP over IPv6. */
const WRONG_VERSION = { 4: [58], 6: [1] } as const;

const probe: fc.Arbitrary<Probe> = family.chain((version) =>
  fc
    .record({
      way: fc.constantFrom('in' as const, 'out' as const),
      local: fc.constantFrom<string>(...LOCAL[version]),
      remote: fc.constantFrom<string>(...REMOTE[version]),
      transport: transport(version, ICMP_TYPES[version], [...OTHERS, ...WRONG_VERSION[version]]),
      loopback: fc.constantFrom(...Array<boolean>(15).fill(false), true),
      owner: fc.constantFrom(...(Object.keys(OWNERS) as (keyof typeof OWNERS)[])),
      // Often enough to the server, or nothing would ever be the agent's own channel.
      toServer: fc.constantFrom(...Array<boolean>(9).fill(false), true),
    })
    .map(({ toServer, ...made }) => (toServer ? toTheServer(made) : made)),
);

function toTheServer(made: Probe): Probe {
  const server = SERVERS[made.remote.includes(':') ? 1 : 0];
  if (server === undefined || made.transport.protocol !== 'tcp') return made;
  return { ...made, remote: server.address, transport: { ...made.transport, remotePort: server.port } };
}

/** A random plan and packets that meet its edges. */
export interface Case {
  readonly plan: Plan;
  readonly exclusions: readonly Exclusion[];
  readonly probes: readonly Probe[];
}

const CASE = fc.tuple(
  fc.array(fc.oneof({ weight: 2, arbitrary: exclusion([]) }, exclusion(PROGRAMS)), {
    minLength: 1,
    maxLength: 10,
  }),
  fc.array(probe, { minLength: 16, maxLength: 16 }),
);

/** The same for the same seed. */
export function cases(count: number, seed: number): Case[] {
  return fc.sample(CASE, { seed, numRuns: count }).map(([made, probes], at) => {
    const exclusions = made.map((one, index) => Exclusion.fromPartial({ name: `rule ${index}`, ...one }));
    const plan = compilePlan({
      isolationId: `isolation ${at}`,
      settings: IsolationSettings.fromPartial({ exclusions }),
      serverEndpoints: SERVERS,
      resolvedHosts: new Map(),
      expiresInMs: undefined,
    });
    return { plan, exclusions, probes };
  });
}

/**
 * Plans and flows that ALE classifies, without those where the platforms differ (differences.ts). The filters of each
 * are `filtersOf(plan, WINDOWS)`; push them through anything that should give them back, and `arbitrate` must still say
 * `verdict` of `flowOf(flow)`.
 */
export function vectors(count: number, seed: number): Vector[] {
  return cases(count, seed).map(({ plan, probes }) => ({
    plan: JSON.parse(JSON.stringify(plan)) as Plan,
    flows: probes.flatMap((one): FlowVector[] => {
      const packet = packetOn('windows', one);
      const seen = classify(packet, processOf(one));
      if (seen.kind === 'not-seen' || differenceOf(packet) !== undefined) return [];
      const verdict = judge(plan, packet).kind === 'accept' ? 'permit' : 'block';
      const fields = [...seen.fields].map(([field, value]) => [field, toJson(value)] as const);
      return [{ probe: one, layer: seen.layer, fields, verdict }];
    }),
  }));
}
