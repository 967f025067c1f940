import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { judge } from '../../agent/enforce/model.js';
import type { Plan } from '../../agent/enforce/plan.js';
import { until } from '../fault/until.js';
import { itNeeding } from '../net/site/it-needing.js';
import { packetOn } from '../vectors/scene.js';
import type { FlowVector, Vector } from '../vectors/vector.js';
import { vectors } from '../vectors/vectors.js';
import { mingw } from './bfe-double/build.js';
import { BfeDouble } from './bfe-double/double.js';
import type { BfeDump } from './bfe-double/dump.js';
import type { Begun } from './suites/sequence.js';
import { blockedBy, leaksIn, verdictsIn, type Allowed, type Leak } from './verdicts.js';
import { Wine, wine, type WineProcess } from './wine.js';

const needs = [wine, mingw].find(({ met }) => !met) ?? wine;
const SEED = 7;
const PATIENCE_MS = 40_000;

/** A version of what the engine holds, and the plans of which one has to be in force then. */
interface Moment {
  readonly step: string;
  readonly dump: BfeDump;
  readonly allowed: Allowed;
}

/** What was committed, version for version, is put to the model of arbitration. */
describe('an isolated device in the history of the filter engine', function () {
  this.timeout(120_000);
  const flows: readonly FlowVector[] = vectors(20, SEED).flatMap((vector) => vector.flows);
  /** Some exclude nearly everything: those could leak nothing. */
  const made: readonly Vector[] = vectors(60, SEED)
    .filter(({ plan }) => blockedBy([plan], flows).length > flows.length * 0.6)
    .slice(0, 12);
  let windows: Wine;
  let bfe: BfeDouble;

  const open = (): void => {
    windows = Wine.make();
    bfe = BfeDouble.install(windows);
  };
  afterEach(() => windows.close());

  const start = (...steps: string[]): WineProcess => {
    const input = join(windows.folder, 'vectors.json');
    writeFileSync(input, JSON.stringify(made));
    const program = windows.compiled('test/windows/suites/sequence.js');
    return windows.startNode(program, [windows.windowsPath(input), ...steps]);
  };
  const run = async (...steps: string[]): Promise<Begun[]> => {
    const ended = await start(...steps).ended;
    expect(ended.code, `${ended.stdout}${ended.stderr}`).to.equal(0);
    return begun(ended.stdout);
  };

  itNeeding(
    needs,
    'has no flow open, in any version, that neither the old nor the new plan allows',
    async () => {
      open();
      const told = await run('apply 0', 'apply 1', 'apply 2', 'apply 2', 'failing 3', 'apply 3');
      const killed = start('apply 4', 'hanging 5');
      await until('the transaction is open', PATIENCE_MS, () =>
        Promise.resolve(
          /hanging/.test(killed.stdout()) && bfe.dump().sessions.some(({ holdsLock }) => holdsLock),
        ),
      );
      killed.kill();
      told.push(...begun((await killed.ended).stdout));
      told.push(...(await run('apply 5', 'apply 6', 'stranger', 'apply 6')));

      await bfe.reboot('booting');
      const booting = await bfe.refresh();
      expect(booting.phase).to.equal('booting');
      const inForce = booting.filters.filter((filter) => filter.inForce);
      expect(leaksIn({ ...booting, filters: inForce }, flows, [planOf(6)]).filter(atBoot)).to.deep.equal([]);
      windows.shutDown();
      await bfe.start();
      told.push(...(await run('apply 6', 'apply 7', 'apply 8', 'failing 9', 'apply 10', 'release')));

      const moments = momentsOf(told);
      expect(moments.length).to.be.at.least(13);
      let compared = 0;
      for (const { step, dump, allowed } of moments) {
        const leaks = leaksIn(dump, flows, allowed);
        if (step === 'stranger') {
          // The positive control: this is a hole, in both phases, and is found in both.
          expect(new Set(leaks.map(({ phase }) => phase)), step).to.have.property('size', 2);
          continue;
        }
        expect(leaks, `${step}, version ${dump.version}`).to.deep.equal([]);
        if (!allowed.includes(undefined))
          expect(blockedBy(allowed, flows).length, step).to.be.greaterThan(flows.length / 4);
        // Nor is it ever a mix of both.
        const verdicts = verdictsIn(dump, flows, 'run').join();
        expect(
          allowed.map((plan) => wanted(plan).join()),
          `${step}, version ${dump.version}`,
        ).to.include(verdicts);
        compared += flows.length;
      }
      expect(compared).to.be.greaterThan(1000);
      expect((await bfe.refresh()).errors).to.deep.equal([]);
    },
  );

  itNeeding(needs, 'would be found open where a plan is changed in two steps', async () => {
    open();
    const moments = momentsOf(await run('apply 0', 'two-steps 1', 'apply 2', 'no-boot 2', 'release'));
    const phasesOf = (step: string): string[] => {
      const own = moments.filter((moment) => moment.step === step);
      const leaks = own.flatMap(({ dump, allowed }) => leaksIn(dump, flows, allowed));
      return [...new Set(leaks.map(({ phase }) => phase))];
    };
    expect(phasesOf('two-steps 1')).to.have.members(['run', 'boot']);
    expect(phasesOf('no-boot 2')).to.deep.equal(['boot']);
    for (const step of ['apply 0', 'apply 2', 'release']) expect(phasesOf(step), step).to.deep.equal([]);
  });

  const planOf = (number: number): Plan | undefined => made[number]?.plan;
  const wanted = (plan: Plan | undefined): string[] =>
    flows.map(({ probe }) =>
      judge(plan, packetOn('windows', probe)).kind === 'accept' ? 'permit' : 'block',
    );

  /** A program that was killed has not told its end: the next one's begin is that. */
  const momentsOf = (told: readonly Begun[]): Moment[] => {
    const moments: Moment[] = [];
    let allowed: Allowed = [undefined];
    for (const [at, { step, version: from }] of told.entries()) {
      const to = told[at + 1]?.version ?? from;
      const [what = '', number] = step.split(' ');
      if (what === 'end') continue;
      const target = what === 'release' ? undefined : planOf(Number(number));
      if (what !== 'stranger') allowed = [...allowed, target];
      for (let version = from + 1; version <= to; version += 1) {
        moments.push({ step, dump: bfe.dumpOf(version), allowed });
      }
      if (what === 'apply' || what === 'release') allowed = [target];
    }
    return moments;
  };
});

function begun(stdout: string): Begun[] {
  const lines = stdout.split('\n').filter((line) => line !== '');
  return lines.map((line) => JSON.parse(line) as Begun);
}

function atBoot({ phase }: Leak): boolean {
  return phase === 'boot';
}
