import { expect } from 'chai';
import fc from 'fast-check';
import { Exclusion } from '../../../shared/gen/cordon/v1/exclusion.js';
import { exclusionHints } from '../../../shared/exclusions/hints.js';
import { validateExclusions } from '../../../shared/exclusions/validate.js';
import { canMakeCgroups, makeCgroup, requireNetAdmin, type TestCgroup } from '../site/index.js';
import { planFor } from '../enforcer/plan-for.js';
import { exclusion, family, LOCAL, REMOTE, transport } from '../../vectors/generators.js';
import { Judge, openField, type Field, type Probe } from './field.js';

requireNetAdmin();

/** Random sets of exclusions; CORDON_MODEL_SETS and CORDON_MODEL_SEED ask for more and for others. */
const SETS = Number(process.env['CORDON_MODEL_SETS'] ?? 300);
const SEED = Number(process.env['CORDON_MODEL_SEED'] ?? 20_240_611);
const ECHOES = { 4: [8, 0], 6: [128, 129] } as const;
const probe: fc.Arbitrary<Probe> = family.chain((version) =>
  fc.record({
    way: fc.constantFrom('in' as const, 'out' as const),
    local: fc.constantFrom<string>(...LOCAL[version]),
    remote: fc.constantFrom<string>(...REMOTE[version]),
    transport: transport(version, ECHOES[version]),
    member: fc.boolean(),
  }),
);

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
    const groups = group === undefined ? [] : [{ target: { $case: 'cgroup' as const, value: group.name } }];
    const list = fc.array(exclusion(groups), { minLength: 1, maxLength: 8 });
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
