import { expect } from 'chai';
import fc from 'fast-check';
import type { Transport } from '../../../agent/enforce/model.js';
import { Exclusion } from '../../../shared/gen/cordon/v1/exclusion.js';
import { exclusionHints } from '../../../shared/exclusions/hints.js';
import { validateExclusions } from '../../../shared/exclusions/validate.js';
import { canMakeCgroups, makeCgroup, requireNetAdmin, type TestCgroup } from '../site/index.js';
import { planFor } from '../enforcer/plan-for.js';
import { Judge, LOCAL, openField, REMOTE, type Field, type Probe } from './field.js';

requireNetAdmin();

/** Random sets of exclusions; CORDON_MODEL_SETS and CORDON_MODEL_SEED ask for more and for others. */
const SETS = Number(process.env['CORDON_MODEL_SETS'] ?? 300);
const SEED = Number(process.env['CORDON_MODEL_SEED'] ?? 20_240_611);
const PORTS = [1, 52, 53, 54, 1000, 49_151, 49_152, 65_535];
const OTHERS = [47, 50, 132, 253];

const family = fc.constantFrom(4 as const, 6 as const);
const span = fc
  .tuple(fc.constantFrom(0, ...PORTS), fc.constantFrom(...PORTS), fc.boolean())
  .map(([a, b, single]) =>
    single ? { first: b, last: b } : { first: Math.min(a, b), last: Math.max(a, b) },
  );
const ports = fc.array(span, { maxLength: 2 });
const addresses = (side: typeof LOCAL | typeof REMOTE): fc.Arbitrary<string[]> => {
  const blocks = ['192.0.2.0/24', '192.0.2.200/31', '0.0.0.0/0', '128.0.0.0/1', '192.0.2.11-192.0.2.12'];
  const blocks6 = [
    '2001:db8:77::/64',
    '2001:db8:77::200/127',
    '::/0',
    '8000::/1',
    '2001:db8:77::c-2001:db8:77::d',
  ];
  const one = fc.constantFrom<string>(...side[4], ...side[6], ...blocks, ...blocks6);
  return fc.oneof(
    { weight: 2, arbitrary: fc.constant<string[]>([]) },
    { weight: 3, arbitrary: fc.array(one, { maxLength: 3 }) },
  );
};

function exclusion(cgroup: string | undefined): fc.Arbitrary<Partial<Exclusion>> {
  const cgroups = cgroup === undefined ? [] : [{ target: { $case: 'cgroup' as const, value: cgroup } }];
  return fc
    .record({
      disabled: fc.constantFrom(false, false, false, true),
      direction: fc.integer({ min: 0, max: 3 }),
      protocol: fc.constantFrom(undefined, 6, 6, 6, 17, 17, 17, 1, 58, ...OTHERS),
      localPorts: ports,
      remotePorts: ports,
      localAddresses: addresses(LOCAL),
      remoteAddresses: addresses(REMOTE),
      application: fc.constantFrom(undefined, undefined, undefined, ...cgroups),
    })
    .map((made) =>
      made.protocol === 6 || made.protocol === 17 ? made : { ...made, localPorts: [], remotePorts: [] },
    );
}

const flags = fc.constantFrom(
  { syn: true, ack: false, fin: false, rst: false },
  { syn: true, ack: false, fin: false, rst: false },
  { syn: true, ack: true, fin: false, rst: false },
  { syn: false, ack: true, fin: false, rst: false },
  { syn: false, ack: false, fin: false, rst: true },
);

const probe: fc.Arbitrary<Probe> = family.chain((version) => {
  const ends = { localPort: fc.constantFrom(...PORTS), remotePort: fc.constantFrom(...PORTS) };
  const transport: fc.Arbitrary<Transport> = fc.oneof(
    { weight: 4, arbitrary: fc.record({ protocol: fc.constant('tcp' as const), ...ends, flags }) },
    { weight: 4, arbitrary: fc.record({ protocol: fc.constant('udp' as const), ...ends }) },
    version === 4
      ? fc.record({ protocol: fc.constant('icmp' as const), type: fc.constantFrom(8, 0) })
      : fc.record({ protocol: fc.constant('icmpv6' as const), type: fc.constantFrom(128, 129) }),
    fc.record({ protocol: fc.constant('other' as const), number: fc.constantFrom(...OTHERS) }),
  );
  return fc.record({
    way: fc.constantFrom('in' as const, 'out' as const),
    local: fc.constantFrom<string>(...LOCAL[version]),
    remote: fc.constantFrom<string>(...REMOTE[version]),
    transport,
    member: fc.boolean(),
  });
});

describe('verdicts of the kernel beside those of the model', () => {
  let field: Field | undefined;
  let group: TestCgroup | undefined;

  before(async () => {
    group = canMakeCgroups() ? makeCgroup() : undefined;
    field = await openField(group);
  });
  after(async () => {
    await field?.close();
    group?.remove();
  });

  it(`are the same for ${SETS} random sets of exclusions and 24 packets each`, async function () {
    this.timeout(180_000);
    const list = fc.array(exclusion(group?.name), { minLength: 1, maxLength: 8 });
    const cases = fc.sample(fc.tuple(list, fc.array(probe, { minLength: 16, maxLength: 16 })), {
      seed: SEED,
      numRuns: SETS,
    });
    if (!field) throw new Error('there is no field');
    let accepted = 0;
    let blocked = 0;
    for (const [index, [made, first]] of cases.entries()) {
      const exclusions = made.map((one, at) => Exclusion.fromPartial({ name: `rule ${at}`, ...one }));
      expect(validateExclusions(exclusions, 'list'), `set ${index}`).to.deep.equal([]);
      expect(exclusionHints(exclusions).length).to.be.at.most(100);
      const plan = planFor(field.site, exclusions);
      await field.agent.apply(plan);
      field.forget();
      const judge = new Judge(plan, group?.name);
      // The same exchanges the other way: replies to what passed, openings where nothing did.
      const back = first.slice(0, 8).map(opposite);
      for (const probes of [first, back]) {
        const inOrder = [
          ...probes.filter(({ way }) => way === 'out'),
          ...probes.filter(({ way }) => way === 'in'),
        ].sort((a, b) => order(a) - order(b));
        const wanted = inOrder.map((one) => judge.judge(one));
        const delivered = await field.deliver(inOrder);
        for (const [at, one] of inOrder.entries()) {
          const what = `seed ${SEED}, set ${index}: ${JSON.stringify(one)} under ${JSON.stringify(made)}`;
          expect(delivered[at], what).to.equal(wanted[at]);
          if (wanted[at]) accepted += 1;
          else blocked += 1;
        }
      }
    }
    // Neither all nor nothing: the sets are worth their time.
    expect(accepted / (accepted + blocked)).to.be.within(0.2, 0.8);
  });
});

/** Those of the control group are sent first. */
function order({ way, member }: Probe): number {
  return way === 'in' ? 2 : member ? 0 : 1;
}

function opposite(one: Probe): Probe {
  return { ...one, way: one.way === 'in' ? 'out' : 'in' };
}
