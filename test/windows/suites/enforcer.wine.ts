import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { EnforceError, type Disturbance } from '../../../agent/enforce/enforcer.js';
import type { Plan } from '../../../agent/enforce/plan.js';
import { canonical } from '../../../agent/enforce/wfp/canonical.js';
import { openEngine } from '../../../agent/enforce/wfp/engine.js';
import { filtersOf } from '../../../agent/enforce/wfp/filters.js';
import { PROVIDER, SUBLAYER } from '../../../agent/enforce/wfp/own-objects.js';
import type { Filter } from '../../../agent/enforce/wfp/types.js';
import { WfpEnforcer } from '../../../agent/enforce/wfp/wfp-enforcer.js';
import { windowsParts } from '../../../agent/enforce/wfp/windows-parts.js';
import { ALE_LAYERS, foreignPermit, wfpPlan } from '../../fakes/wfp-site.js';
import { asFilter, type BfeDump } from '../bfe-double/dump.js';
import { InsideBfe } from './inside-bfe.js';

const WEB = { protocol: 6, remotePorts: [{ first: 443, last: 443 }] };
const RANGES = {
  protocol: 17,
  remotePorts: [{ first: 1000, last: 2000 }],
  remoteAddresses: ['10.1.0.0/16', '192.0.2.7-192.0.2.9', '2001:db8::/48'],
};
const PROGRAM = {
  direction: 2,
  application: { target: { $case: 'executablePath' as const, value: process.execPath } },
};
const SERVICE = { application: { target: { $case: 'windowsService' as const, value: 'Dnscache' } } };

const textsOf = (filters: readonly Filter[]): string[] =>
  filters.map((filter) => `${filter.key}\n${canonical(filter)}`).sort();
const held = ({ filters }: BfeDump): string[] => textsOf(filters.map(asFilter));

describe('the WFP enforcer on the library of Windows', function () {
  this.timeout(30_000);
  let bfe: InsideBfe;
  let enforcer: WfpEnforcer;

  before(async () => {
    bfe = await InsideBfe.open();
  });
  beforeEach(() => {
    bfe.control('reset');
    enforcer = new WfpEnforcer(windowsParts);
  });
  afterEach(async () => {
    bfe.control('clear-faults', 'start');
    await enforcer.close();
    const { errors, counters } = bfe.dump();
    expect(errors).to.deep.equal([]);
    expect(counters).to.include({ allocations: 0, enumHandles: 0, sessions: 0 });
  });

  const wanted = async (plan: Plan): Promise<string[]> => {
    const engine = await openEngine({ name: 'test' });
    const { filters } = filtersOf(plan, await windowsParts.contextOf(engine, plan));
    await engine.close();
    return textsOf(filters);
  };
  const bring = (to: Plan | undefined): Promise<unknown> =>
    to === undefined ? enforcer.clear() : enforcer.apply(to);
  const rejection = (work: Promise<unknown>): Promise<unknown> =>
    work.then(
      () => undefined,
      (error: unknown) => error,
    );

  it('puts exactly the filters of a plan into the engine, recognises them, and leaves nothing', async () => {
    await enforcer.probe();
    const plan = wfpPlan([WEB, RANGES, PROGRAM, SERVICE]);
    const applied = await enforcer.apply(plan);
    expect(applied.unsupported).to.deep.equal([]);
    const dump = bfe.dump();
    expect(held(dump)).to.deep.equal(await wanted(plan));
    expect(dump.providers.map(({ key, lifetime }) => [key, lifetime])).to.deep.equal([
      [PROVIDER.key, 'persistent'],
    ]);
    const own = dump.sublayers.find(({ key }) => key === SUBLAYER.key);
    expect(own).to.include({ weight: 0xffff, provider: PROVIDER.key, lifetime: 'persistent' });
    for (const { sd } of [...dump.filters, ...dump.providers]) expect(sd).to.be.a('string');
    expect(await enforcer.inspect()).to.deep.equal({
      kind: 'intact',
      planId: plan.planId,
      rulesHash: applied.rulesHash,
      holdsForMs: undefined,
    });
    const later = new WfpEnforcer(windowsParts);
    expect((await later.inspect(applied)).kind).to.equal('intact');
    await later.close();
    await enforcer.clear();
    const after = bfe.dump();
    expect([after.filters, after.providers]).to.deep.equal([[], []]);
    expect(after.sublayers.filter(({ key }) => key === SUBLAYER.key)).to.deep.equal([]);
    expect(await enforcer.inspect()).to.deep.equal({ kind: 'absent' });
  });

  it('changes nothing for the same plan again', async () => {
    await enforcer.apply(wfpPlan([RANGES]));
    const { journal: since, version } = bfe.dump();
    await enforcer.apply(wfpPlan([RANGES]));
    const calls = bfe.journal(since).map((entry) => entry.function);
    expect(calls).to.include('FwpmTransactionCommit0');
    expect(calls.filter((name) => /Add0|DeleteBy/.test(name))).to.deep.equal([]);
    expect(bfe.dump().version).to.equal(version);
  });

  it('is blocked from the start of the computer on, and intact after it', async () => {
    const applied = await enforcer.apply(wfpPlan([WEB]));
    bfe.control('reboot');
    const booting = bfe.dump().filters.filter(({ inForce }) => inForce);
    const blocks = booting.filter(({ action, conditions }) => action === 'block' && conditions.length === 0);
    expect(blocks.map(({ layerName }) => layerName)).to.have.members(ALE_LAYERS);
    bfe.control('start');
    const next = new WfpEnforcer(windowsParts);
    expect((await next.inspect(applied)).kind).to.equal('intact');
    await next.close();
  });

  it('sees at once what another program deletes, and nothing in its own changes', async () => {
    await enforcer.apply(wfpPlan([WEB]));
    const seen: Disturbance[] = [];
    const watch = enforcer.watch().subscribe((disturbance) => seen.push(disturbance));
    await sleep(300);
    await enforcer.apply(wfpPlan([RANGES]));
    await sleep(300);
    expect(seen, 'our own changes').to.deep.equal([]);
    const key = bfe.dump().filters.find(({ action }) => action === 'block')?.key ?? '';
    const program = fileURLToPath(new URL('./delete-filters.js', import.meta.url));
    const other = spawn(process.execPath, [program, key], { stdio: 'ignore' });
    const [code] = (await once(other, 'exit')) as [number];
    expect(code).to.equal(0);
    for (let waited = 0; seen.length === 0 && waited < 1_000; waited += 20) await sleep(20);
    expect(seen.map(({ detail }) => detail).join()).to.match(/is missing: /);
    await enforcer.apply(wfpPlan([RANGES]));
    expect((await enforcer.inspect()).kind).to.equal('intact');
    expect(bfe.dump().counters.subscriptions).to.equal(1);
    watch.unsubscribe();
    await enforcer.inspect();
    expect(bfe.dump().counters.subscriptions).to.equal(0);
  });

  it('tells within about a second that BFE was stopped, and works again when it runs', async () => {
    const applied = await enforcer.apply(wfpPlan([WEB]));
    const seen: Disturbance[] = [];
    const watch = enforcer.watch().subscribe((disturbance) => seen.push(disturbance));
    await sleep(200);
    bfe.control('stop');
    const stopped = performance.now();
    while (seen.length === 0 && performance.now() - stopped < 3_000) await sleep(20);
    expect(performance.now() - stopped).to.be.below(1_500);
    expect(seen[0]?.detail).to.match(/BFE does not answer: .*(EPT_S_NOT_REGISTERED|RPC_S_)/);
    const refused = await rejection(enforcer.apply(wfpPlan()));
    expect(refused).to.be.instanceOf(EnforceError);
    bfe.control('start');
    expect((await enforcer.inspect(applied)).kind).to.equal('intact');
    await sleep(1_100);
    seen.length = 0;
    await enforcer.apply(wfpPlan());
    await sleep(300);
    expect(seen, 'watches again').to.deep.equal([]);
    watch.unsubscribe();
  });

  it('names a filter of others that may overrule ours', async () => {
    await enforcer.apply(wfpPlan());
    expect(await enforcer.overrulers()).to.deep.equal([]);
    const engine = await openEngine({ name: 'vpn' });
    const rival = foreignPermit();
    await engine.addSublayer({ ...SUBLAYER, key: rival.sublayer, name: 'vpn', provider: undefined });
    await engine.addFilters([rival]);
    await engine.close();
    expect((await enforcer.overrulers()).join()).to.match(/"let me out" of no provider in sublayer "vpn"/);
  });

  describe('when a call fails', () => {
    const CODES = ['FWP_E_SESSION_ABORTED', 'ERROR_ACCESS_DENIED', 'EPT_S_NOT_REGISTERED', 'FWP_E_IN_USE'];
    const ENDED = ['FWP_E_SESSION_ABORTED', 'EPT_S_NOT_REGISTERED'];
    const steps: [string, Plan | undefined, Plan | undefined][] = [
      ['isolating', undefined, wfpPlan([WEB])],
      ['changing a plan', wfpPlan([WEB]), wfpPlan([RANGES])],
      ['releasing', wfpPlan([WEB]), undefined],
    ];
    for (const [what, from, to] of steps) {
      it(`while ${what}, either all of the old or all of the new is in force, and the reason has a name`, async function () {
        this.timeout(150_000);
        const both = [from ? await wanted(from) : [], to ? await wanted(to) : []];
        bfe.control('reset', 'journal off');
        await bring(from);
        const { journal: begin } = bfe.dump();
        await bring(to);
        const calls = bfe.dump().journal - begin;
        expect(calls).to.be.above(50);
        const outcomes = new Set<number>();
        let outcome = 1;
        for (let call = 1; call <= calls; call++) {
          const code = CODES[call % CODES.length] ?? '';
          if (outcome === 1) await bring(from);
          bfe.failAt(call, code, call % 3 === 0 ? 'once' : 'from-then-on');
          const error = await rejection(bring(to));
          bfe.control('clear-faults');
          // With these codes Windows has ended the session, and not only said so.
          if (ENDED.includes(code)) bfe.control('stop', 'start');
          outcome = both.findIndex((texts) => texts.join() === held(bfe.dump()).join());
          expect(outcome, `${code} at call ${call}`).to.be.at.least(0);
          outcomes.add(outcome);
          if (error === undefined) expect(outcome, `nothing said about call ${call}`).to.equal(1);
          else expect((error as Error).message, `call ${call}`).to.include(code);
        }
        expect([...outcomes].sort(), 'both happen').to.deep.equal([0, 1]);
      });
    }
  });

  it('never lets go between isolation and release: both sets of blocks are in every version', async () => {
    bfe.control('history on');
    await enforcer.apply(wfpPlan());
    const { version: from } = bfe.dump();
    for (const plan of [wfpPlan([WEB]), wfpPlan([RANGES]), wfpPlan([WEB, RANGES])])
      await enforcer.apply(plan);
    bfe.control('stop', 'start');
    await enforcer.apply(wfpPlan([PROGRAM]));
    const { version: to } = bfe.dump();
    expect(to - from).to.be.at.least(4);
    for (let version = from; version <= to; version++) {
      const blocks = bfe
        .dumpOf(version)
        .filters.filter(({ action, conditions }) => action === 'block' && conditions.length === 0);
      for (const lifetime of ['persistent', 'boot-time']) {
        const layers = blocks
          .filter((block) => block.lifetime === lifetime)
          .map(({ layerName }) => layerName);
        expect(layers, `version ${version}`).to.have.members(ALE_LAYERS);
      }
    }
  });
});
