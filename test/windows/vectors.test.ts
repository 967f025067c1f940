import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { judge } from '../../agent/enforce/model.js';
import { renderPlan } from '../../agent/enforce/nftables/render.js';
import type { Plan } from '../../agent/enforce/plan.js';
import { planIdOf } from '../../agent/enforce/wfp/filters.js';
import { itNeeding } from '../net/site/it-needing.js';
import { verdictOf } from '../nft-model/evaluate.js';
import { parseRuleset } from '../nft-model/parse.js';
import { LINUX, OWNERS, packetOn, type Probe } from '../vectors/scene.js';
import type { Vector } from '../vectors/vector.js';
import { vectors } from '../vectors/vectors.js';
import { mingw } from './bfe-double/build.js';
import { BfeDouble } from './bfe-double/double.js';
import { asFoundFilter, type BfeDump } from './bfe-double/dump.js';
import type { Pushed } from './suites/push-plans.js';
import { verdictsIn } from './verdicts.js';
import { Wine, wine } from './wine.js';

const needs = [wine, mingw].find(({ met }) => !met) ?? wine;

/** CORDON_MODEL_SETS and CORDON_MODEL_SEED ask for more plans and for others. */
const SETS = Number(process.env['CORDON_MODEL_SETS'] ?? 220);
const SEED = Number(process.env['CORDON_MODEL_SEED'] ?? 20_240_611);
const PAIRS = 2000;

describe('random plans through the binding', function () {
  this.timeout(120_000);
  let windows: Wine | undefined;
  afterEach(() => windows?.close());

  itNeeding(needs, 'give in the engine the verdicts of the rules and of nftables', async () => {
    windows = Wine.make();
    const bfe = BfeDouble.install(windows);
    const made = vectors(SETS, SEED);
    const pushed = await push(windows, made);
    const first = bfe.dump().version - made.length + 1;
    const counts = { pairs: 0, permitted: 0, onBoth: 0, onOneOnly: 0 };
    for (const [index, { plan, flows }] of made.entries()) {
      const { verdicts, filters } = pushed[index] ?? { verdicts: [], filters: 0 };
      const dump = bfe.dumpOf(first + index);
      expect(dump.filters, `plan ${index}`).to.have.length(filters);
      expect(planIdOf(dump.filters.map(asFoundFilter))).to.equal(plan.planId);
      const received = verdictsIn(dump, flows, 'run');
      const atBoot = verdictsIn(dump, flows, 'boot');
      const nft = parseRuleset(renderPlan(plan, LINUX).text);
      for (const [at, { probe, verdict }] of flows.entries()) {
        const what = `seed ${SEED}, plan ${index}: ${JSON.stringify(probe)} under ${JSON.stringify(plan.rules)}`;
        expect(received[at], `as received, ${what}`).to.equal(verdict);
        expect(verdicts[at], `as read back, ${what}`).to.equal(verdict);
        // Less passes before BFE has started, and nothing else.
        if (verdict === 'block') expect(atBoot[at], `at boot, ${what}`).to.equal('block');
        counts.pairs += 1;
        if (verdict === 'permit') counts.permitted += 1;

        const onLinux = onNftables(nft, probe);
        expect(onLinux, `nftables, ${what}`).to.equal(asVerdict(plan, 'linux', probe));
        if (onLinux === verdict) counts.onBoth += 1;
        else {
          counts.onOneOnly += 1;
          // The platforms know other programs (differences.ts): without them the plan means the same on both.
          const bare = withoutPrograms(plan);
          expect(asVerdict(bare, 'linux', probe), what).to.equal(asVerdict(bare, 'windows', probe));
        }
      }
    }
    expect(counts.onBoth).to.be.at.least(PAIRS);
    expect(counts.permitted / counts.pairs).to.be.within(0.2, 0.8);
    expect(differing(bfe.dumpOf(first + 1), made[0]), 'the second plan has verdicts of its own').to.be.above(
      0,
    );
    expect(bfe.dump().errors).to.deep.equal([]);
  });
});

async function push(windows: Wine, made: readonly Vector[]): Promise<Pushed[]> {
  const [input, output] = ['vectors.json', 'pushed.json'].map((name) => join(windows.folder, name));
  if (input === undefined || output === undefined) throw new Error('no files');
  writeFileSync(input, JSON.stringify(made));
  const { code, stdout, stderr } = await windows.runNode(
    windows.compiled('test/windows/suites/push-plans.js'),
    [input, output].map((path) => windows.windowsPath(path)),
    { timeoutMs: 110_000 },
  );
  expect(code, `${stdout}${stderr}`).to.equal(0);
  return JSON.parse(readFileSync(output, 'utf8')) as Pushed[];
}

/** How many flows of a plan the filters of another decide otherwise. */
function differing(other: BfeDump, vector: Vector | undefined): number {
  const flows = vector?.flows ?? [];
  const verdicts = verdictsIn(other, flows, 'run');
  return flows.filter(({ verdict }, at) => verdicts[at] !== verdict).length;
}

function asVerdict(plan: Plan, platform: 'windows' | 'linux', probe: Probe): 'permit' | 'block' {
  return judge(plan, packetOn(platform, probe)).kind === 'accept' ? 'permit' : 'block';
}

function onNftables(rules: ReturnType<typeof parseRuleset>, probe: Probe): 'permit' | 'block' {
  // A packet that comes in belongs to no socket yet.
  const cgroup = probe.way === 'out' ? OWNERS[probe.owner].cgroup : undefined;
  return verdictOf(rules, packetOn('linux', probe), { cgroup }) === 'accept' ? 'permit' : 'block';
}

/** The plan for which it does not matter whose a packet is. */
function withoutPrograms(plan: Plan): Plan {
  const rules = plan.rules.filter(({ application }) => application === undefined);
  return { ...plan, rules, serverEndpoints: [] };
}
