import { expect } from 'chai';
import { EnforceError, UnprovenError, type Disturbance } from '../../../../../agent/enforce/enforcer.js';
import type { Plan } from '../../../../../agent/enforce/plan.js';
import { PROVIDER, SUBLAYER } from '../../../../../agent/enforce/wfp/own-objects.js';
import type { Guid } from '../../../../../agent/enforce/wfp/guids.js';
import type { Filter } from '../../../../../agent/enforce/wfp/types.js';
import { settled } from '../../../../fakes/agent-owner.js';
import { ALE_LAYERS, foreignPermit, wfpPlan, WfpSite } from '../../../../fakes/wfp-site.js';

const WEB = { protocol: 6, remotePorts: [{ first: 443, last: 443 }] };
const DNS = { protocol: 17, remotePorts: [{ first: 53, last: 53 }] };
const CHANGES = /Add0|DeleteByKey0/;

const rejection = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => undefined,
    (error: unknown) => error,
  );

describe('the WFP enforcer', () => {
  let site: WfpSite;
  beforeEach(() => {
    site = new WfpSite();
  });

  const without = (key: Guid) => (): { filters: Map<Guid, Filter> } => {
    const filters = new Map(site.bfe.content.filters);
    filters.delete(key);
    return { filters };
  };
  const withFilter = (filter: Filter) => (): { filters: Map<Guid, Filter> } => ({
    filters: new Map(site.bfe.content.filters).set(filter.key, filter),
  });
  /** What is read back when this process knows what it wrote. */
  const altered = async (): Promise<string> => {
    const found = await site.enforcer.inspect();
    return found.kind === 'altered' ? found.detail : `not altered but ${found.kind}`;
  };

  it('puts exactly the filters of a plan into the engine, says so, and leaves nothing after it', async () => {
    const { bfe, enforcer } = site;
    expect(await enforcer.inspect()).to.deep.equal({ kind: 'absent' });
    const plan = wfpPlan([WEB]);
    const applied = await enforcer.apply(plan);
    expect(site.held()).to.deep.equal(await site.wanted(plan));
    expect(applied).to.deep.include({ planId: plan.planId, unsupported: [] });
    expect(await enforcer.inspect()).to.deep.equal({
      kind: 'intact',
      planId: plan.planId,
      rulesHash: applied.rulesHash,
      holdsForMs: undefined,
    });
    await enforcer.clear();
    expect(await enforcer.inspect()).to.deep.equal({ kind: 'absent' });
    expect([bfe.content.providers.size, bfe.content.sublayers.size, bfe.content.filters.size]).to.deep.equal([
      0, 0, 0,
    ]);
    await enforcer.clear();
  });

  it('changes nothing when the same plan is applied again, and only what differs for another', async () => {
    const { bfe, enforcer } = site;
    const first = await enforcer.apply(wfpPlan([WEB]));
    let before = bfe.journal.length;
    const changes = (): string[] => bfe.journal.slice(before).filter((name) => CHANGES.test(name));
    expect(await enforcer.apply(wfpPlan([WEB]))).to.deep.equal(first);
    expect(changes()).to.deep.equal([]);
    before = bfe.journal.length;
    await enforcer.apply(wfpPlan([WEB, DNS]));
    // The blocks carry the name of the plan; the new exclusion has a filter at each layer.
    expect(changes().filter((name) => name.startsWith('FwpmFilterDelete'))).to.have.length(8);
    expect(changes().filter((name) => name === 'FwpmFilterAdd0')).to.have.length(12);
    expect(changes().filter((name) => /Provider|SubLayer/.test(name))).to.deep.equal([]);
    expect(site.held()).to.deep.equal(await site.wanted(wfpPlan([WEB, DNS])));
  });

  it('reports what cannot be expressed here, whatever its path, and keeps it blocked', async () => {
    const paths = ['C:\\missing.exe', 'relative.exe', '\\\\share\\tool.exe', '', 'C:\\broken.exe'];
    const applications = [
      { target: { $case: 'systemdUnit' as const, value: 'x.service' } },
      ...paths.map((value) => ({ target: { $case: 'executablePath' as const, value } })),
    ];
    const { unsupported } = await site.enforcer.apply(
      wfpPlan(applications.map((application) => ({ application }))),
    );
    expect(unsupported).to.have.length(applications.length);
    const held = site.held().length;
    await site.enforcer.apply(wfpPlan());
    expect(site.held()).to.have.length(held);
    const there = { target: { $case: 'executablePath' as const, value: 'C:\\tool.exe' } };
    expect((await site.enforcer.apply(wfpPlan([{ application: there }]))).unsupported).to.deep.equal([]);
    expect(site.held().length, 'control').to.be.above(held);
  });

  it('opens the computer although somebody holds on to our sublayer, and says that something is left', async () => {
    const { bfe, enforcer } = site;
    await enforcer.apply(wfpPlan([WEB]));
    bfe.fault = (call) => (call === 'FwpmSubLayerDeleteByKey0' ? 'FWP_E_IN_USE' : undefined);
    const error = await rejection(enforcer.clear());
    expect(error).to.be.instanceOf(EnforceError);
    expect(String(error)).to.match(/others refer to our sublayer/);
    expect(bfe.content.filters.size).to.equal(0);
    bfe.fault = () => undefined;
    await enforcer.clear();
    expect(await enforcer.inspect()).to.deep.equal({ kind: 'absent' });
  });

  it('tells rules that it wrote and could not prove from rules that were refused', async () => {
    const { bfe, enforcer } = site;
    let committed = false;
    bfe.fault = (call) => {
      committed ||= call === 'FwpmTransactionCommit0';
      return committed && call === 'FwpmFilterEnum0' ? 'ERROR_ACCESS_DENIED' : undefined;
    };
    expect(await rejection(enforcer.apply(wfpPlan()))).to.be.instanceOf(UnprovenError);
    expect(bfe.content.filters.size).to.be.above(0);
    bfe.fault = (call) => (call === 'FwpmTransactionCommit0' ? 'ERROR_ACCESS_DENIED' : undefined);
    const refused = await rejection(enforcer.apply(wfpPlan([WEB])));
    expect(refused).to.be.instanceOf(EnforceError).and.not.instanceOf(UnprovenError);
  });

  it('recognises what another process wrote by its fingerprint, and vouches for nothing else', async () => {
    const applied = await site.enforcer.apply(wfpPlan());
    const next = site.another();
    expect((await next.inspect(applied)).kind).to.equal('intact');
    const unknown = await next.inspect();
    expect(unknown).to.deep.equal({
      kind: 'altered',
      detail: `plan ${applied.planId} was applied by nobody that this process knows`,
    });
    const other = await next.inspect({ ...applied, planId: 'ab' });
    expect(other.kind === 'altered' && other.detail).to.match(/is in force in place of ab/);
    site.tamper(without(site.filter('loopback').key));
    expect((await next.inspect(applied)).kind).to.equal('altered');
  });

  describe('names what others changed, and puts it right', () => {
    const cases: [string, () => void, RegExp][] = [
      ['a filter that is gone', () => site.tamper(without(site.filter('isolated').key)), /is missing: /],
      [
        'a filter with other content under its key',
        () => site.tamper(withFilter({ ...site.filter('isolated'), action: 'permit' })),
        /in force in place|was changed: /,
      ],
      [
        'a filter with another lifetime',
        () => site.tamper(withFilter({ ...site.filter('loopback'), lifetime: 'static' })),
        /was changed: /,
      ],
      [
        'a filter that BFE does not use',
        () => site.bfe.disabled.add(site.filter('isolated').key),
        /was changed: /,
      ],
      [
        'a permit of a stranger in our sublayer',
        () => site.tamper(withFilter(foreignPermit({ sublayer: SUBLAYER.key }))),
        /somebody put a filter among ours: .*let me out/,
      ],
      [
        'a filter under our name that no plan has',
        () => site.tamper(withFilter(foreignPermit({ sublayer: SUBLAYER.key, provider: PROVIDER.key }))),
        /nobody asked for: .*let me out/,
      ],
      [
        'another weight of our sublayer',
        () => site.tamper(() => ({ sublayers: new Map([[SUBLAYER.key, { ...SUBLAYER, weight: 1 }]]) })),
        /the weight of our sublayer is 1 in place of 65535/,
      ],
      ['a sublayer that is gone', () => site.tamper(() => ({ sublayers: new Map() })), /sublayer is gone/],
      ['a provider that is gone', () => site.tamper(() => ({ providers: new Map() })), /provider is gone/],
      [
        'a provider that belongs to a service',
        () =>
          site.tamper(() => ({ providers: new Map([[PROVIDER.key, { ...PROVIDER, serviceName: 'x' }]]) })),
        /provider was changed/,
      ],
    ];
    for (const [what, tamper, sentence] of cases) {
      it(what, async () => {
        await site.enforcer.apply(wfpPlan());
        tamper();
        expect(await altered()).to.match(sentence);
        // What is added anew is used.
        site.bfe.disabled.clear();
        await site.enforcer.apply(wfpPlan());
        expect((await site.enforcer.inspect()).kind).to.equal('intact');
        expect(site.held()).to.deep.equal(await site.wanted(wfpPlan()));
      });
    }
  });

  it('takes over what an older version left with other lifetimes, sublayers and keys', async () => {
    const old = { ...SUBLAYER, key: foreignPermit().sublayer, lifetime: 'static' as const };
    const left = foreignPermit({ provider: PROVIDER.key, sublayer: old.key, lifetime: 'static' });
    site.tamper(() => ({
      providers: new Map([[PROVIDER.key, { ...PROVIDER, lifetime: 'static' as const }]]),
      sublayers: new Map([[old.key, old]]),
      filters: new Map([[left.key, left]]),
    }));
    await site.enforcer.apply(wfpPlan());
    expect(site.held()).to.deep.equal(await site.wanted(wfpPlan()));
    expect([...site.bfe.content.sublayers.keys()]).to.deep.equal([SUBLAYER.key]);
  });

  it('removes what an older version left, and leaves alone what is not ours', async () => {
    const stranger = foreignPermit();
    const sublayer = { ...SUBLAYER, key: stranger.sublayer, provider: undefined };
    site.tamper(() => ({
      sublayers: new Map([[sublayer.key, sublayer]]),
      filters: new Map([[stranger.key, stranger]]),
    }));
    await site.enforcer.apply(wfpPlan());
    const old = { ...SUBLAYER, key: site.filter('isolated').key, provider: PROVIDER.key };
    site.tamper(({ sublayers }) => ({ sublayers: new Map(sublayers).set(old.key, old) }));
    await site.enforcer.clear();
    expect([...site.bfe.content.filters.values()]).to.deep.equal([stranger]);
    expect([...site.bfe.content.sublayers.values()]).to.deep.equal([sublayer]);
  });

  it('gives up when the engine does not hold what it took, and names the first filter that differs', async () => {
    const commit = site.bfe.commit.bind(site.bfe);
    site.bfe.commit = (content) => {
      const filters = [...content.filters].filter(([, { name }]) => !name.endsWith('loopback'));
      commit({ ...content, filters: new Map(filters) });
    };
    const error = await rejection(site.enforcer.apply(wfpPlan()));
    expect(error).to.be.instanceOf(EnforceError);
    expect((error as Error).message).to.match(/does not hold them: a filter is missing: .*loopback/i);
  });

  it('opens another session when Windows took the first one away, and keeps no more than one', async () => {
    for (const name of ['FWP_E_SESSION_ABORTED', 'FWP_E_TXN_IN_PROGRESS', 'RPC_S_SERVER_UNAVAILABLE']) {
      await site.enforcer.apply(wfpPlan());
      let failed = false;
      site.bfe.fault = (call) => {
        if (failed || call !== 'FwpmTransactionBegin0') return undefined;
        failed = true;
        return name;
      };
      await site.enforcer.apply(wfpPlan([WEB]));
      expect(failed).to.equal(true);
      site.bfe.abortSessions();
      await site.enforcer.apply(wfpPlan());
      expect(site.bfe.openSessions, name).to.equal(1);
    }
    await site.enforcer.close();
    expect(site.bfe.openSessions).to.equal(0);
    expect((await site.enforcer.inspect()).kind, 'after a close').to.equal('intact');
  });

  it('gives up a BFE that hangs, asks it no more until it answers, and then works with it again', async () => {
    await site.enforcer.apply(wfpPlan());
    const call = site.bfe.call.bind(site.bfe);
    let asked = 0;
    let answer: () => void = () => undefined;
    const answered = new Promise<void>((resolve) => (answer = resolve));
    site.bfe.call = () => {
      asked += 1;
      return answered;
    };
    const hanging = rejection(site.enforcer.inspect());
    await settled();
    site.clock.advance(60_000);
    expect(String(await hanging)).to.match(/BFE hangs: a call has not come back within 60 s/);
    await settled();
    const before = asked;
    expect(String(await rejection(site.enforcer.apply(wfpPlan([WEB]))))).to.match(/BFE hangs/);
    expect(asked).to.equal(before);
    site.bfe.call = call;
    answer();
    await settled();
    expect((await site.enforcer.inspect()).kind).to.equal('intact');
    expect(site.bfe.openSessions).to.equal(1);
    expect(site.clock.pending).to.equal(0);
  });

  it('starts from nothing in the same step where a key of ours is taken, or something short-lived is left', async () => {
    for (const code of ['FWP_E_ALREADY_EXISTS', 'FWP_E_LIFETIME_MISMATCH']) {
      await site.enforcer.apply(wfpPlan());
      const { length: before } = site.bfe.versions;
      let failed = false;
      site.bfe.fault = (call) => {
        if (failed || call !== 'FwpmFilterAdd0') return undefined;
        failed = true;
        return code;
      };
      await site.enforcer.apply(wfpPlan([WEB]));
      expect(failed).to.equal(true);
      expect(site.held()).to.deep.equal(await site.wanted(wfpPlan([WEB])));
      expect(site.bfe.versions.length).to.equal(before + 1);
    }
  });

  describe('when a call fails', () => {
    const CODES = ['FWP_E_TIMEOUT', 'ERROR_ACCESS_DENIED', 'FWP_E_SESSION_ABORTED', 'EPT_S_NOT_REGISTERED'];
    const steps: [string, Plan | undefined, Plan | undefined][] = [
      ['isolating', undefined, wfpPlan([WEB])],
      ['changing a plan', wfpPlan([WEB]), wfpPlan([DNS])],
      ['releasing', wfpPlan([WEB]), undefined],
    ];
    const bring = (to: Plan | undefined): Promise<unknown> =>
      to === undefined ? site.enforcer.clear() : site.enforcer.apply(to);
    const textOf = async (plan: Plan | undefined): Promise<string[]> => (plan ? site.wanted(plan) : []);

    for (const [what, from, to] of steps) {
      it(`while ${what}, either all of the old or all of the new is in force, and the reason has a name`, async () => {
        const start = async (): Promise<number> => {
          site = new WfpSite();
          await bring(from);
          return site.bfe.journal.length;
        };
        const begin = await start();
        await bring(to);
        const calls = site.bfe.journal.length - begin;
        expect(calls).to.be.above(20);
        const ends = [await textOf(from), await textOf(to)];
        let refused = 0;
        for (const code of CODES) {
          for (let at = 0; at < calls; at++) {
            const first = await start();
            // From this call on: a BFE that fails once is tried again in another session.
            site.bfe.fault = (_, index) => (index >= first + at ? code : undefined);
            const error = await rejection(bring(to));
            expect(error, `${code} at ${at}`).to.be.instanceOf(EnforceError);
            expect((error as Error).message).to.include(code);
            expect(ends, `${code} at ${at}`).to.deep.include(site.held());
            refused += 1;
            site.bfe.fault = () => undefined;
            await bring(to);
            expect(site.held()).to.deep.equal(ends[1]);
          }
        }
        expect(refused).to.equal(CODES.length * calls);
      });

      it(`once while ${what}, either all of the old or all of the new is in force`, async () => {
        const ends = [await textOf(from), await textOf(to)];
        for (let at = 0, done = false; !done; at++) {
          site = new WfpSite();
          await bring(from);
          const first = site.bfe.journal.length;
          site.bfe.fault = (_, index) => (index === first + at ? 'FWP_E_SESSION_ABORTED' : undefined);
          await rejection(bring(to));
          expect(ends, `at ${at}`).to.deep.include(site.held());
          done = site.bfe.journal.length <= first + at;
        }
      });
    }
  });

  it('never lets go between isolation and release: both sets of blocks are in every version', async () => {
    const { bfe, enforcer } = site;
    const plans = [wfpPlan(), wfpPlan([WEB]), wfpPlan([DNS]), wfpPlan([WEB, DNS]), wfpPlan()];
    await enforcer.apply(wfpPlan());
    const from = bfe.versions.length - 1;
    for (const plan of plans) await enforcer.apply(plan);
    // What an older version left is taken over in one step, too.
    site.tamper(({ sublayers }) => ({
      sublayers: new Map(sublayers).set(SUBLAYER.key, { ...SUBLAYER, weight: 7 }),
    }));
    await enforcer.apply(wfpPlan([WEB]));
    bfe.stop();
    bfe.start();
    await enforcer.apply(wfpPlan([DNS]));
    const versions = bfe.versions.slice(from);
    expect(versions.length).to.be.above(plans.length);
    for (const { filters } of versions) {
      for (const lifetime of ['persistent', 'boot-time']) {
        const blocks = [...filters.values()].filter(
          (filter) =>
            filter.lifetime === lifetime && filter.action === 'block' && filter.conditions.length === 0,
        );
        expect(blocks.map(({ layer }) => layer)).to.have.members(ALE_LAYERS);
        expect(blocks.every(({ hard, sublayer }) => hard && sublayer === SUBLAYER.key)).to.equal(true);
      }
    }
    await enforcer.clear();
  });

  describe('watches', () => {
    let seen: Disturbance[];
    let end: () => void;
    beforeEach(async () => {
      await site.enforcer.apply(wfpPlan());
      seen = [];
      const subscription = site.enforcer.watch().subscribe((disturbance) => seen.push(disturbance));
      end = () => subscription.unsubscribe();
      await settle();
    });
    afterEach(() => end());

    /** A moment passes, shorter than the time between two signs of life. */
    async function settle(ms = 100): Promise<void> {
      for (let passed = 0; passed < ms; passed += 25) {
        for (let turn = 0; turn < 20; turn++) await settled();
        site.clock.advance(25);
      }
      for (let turn = 0; turn < 20; turn++) await settled();
    }

    it('and is silent about its own changes', async () => {
      await site.enforcer.apply(wfpPlan([WEB]));
      await settle();
      await site.enforcer.apply(wfpPlan([DNS]));
      await settle(2_000);
      expect(seen).to.deep.equal([]);
    });

    it('and tells at once of a filter of ours that others deleted', async () => {
      site.tamper(without(site.filter('isolated').key));
      await settle();
      expect(seen).to.have.length(1);
      expect(seen[0]?.detail).to.match(/is missing: /);
    });

    it('and tells of a stranger in our sublayer, not of one elsewhere', async () => {
      site.tamper(withFilter(foreignPermit()));
      await settle();
      expect(seen).to.deep.equal([]);
      site.tamper(withFilter(foreignPermit({ sublayer: SUBLAYER.key })));
      await settle();
      expect(seen.map(({ detail }) => detail)).to.match(/let me out/);
    });

    it('and sees a change of ours among very many of others', async () => {
      const filters = new Map(site.bfe.content.filters);
      filters.delete(site.filter('isolated').key);
      for (let index = 100; index < 300; index++) {
        const key = `00000000-0000-4000-8000-000000000${index}` as Guid;
        filters.set(key, foreignPermit({ key }));
      }
      site.tamper(() => ({ filters }));
      await settle();
      expect(seen).to.have.length(1);
    });

    it('and tells within a second that BFE was stopped, as long as it is, and watches again afterwards', async () => {
      site.bfe.stop();
      await settle(1_000);
      expect(seen.map(({ detail }) => detail)).to.match(/BFE does not answer: .*EPT_S_NOT_REGISTERED/);
      const told = seen.length;
      await settle(1_000);
      expect(seen.length).to.be.above(told);
      site.bfe.start();
      await settle(1_000);
      seen.length = 0;
      await settle(2_000);
      expect(seen, 'all is well again').to.deep.equal([]);
      site.tamper(without(site.filter('isolated').key));
      await settle();
      expect(seen).to.have.length(1);
    });

    it('and finds what was changed while the session was lost', async () => {
      site.bfe.abortSessions();
      site.tamper(without(site.filter('isolated').key));
      await settle(1_000);
      expect(seen.map(({ detail }) => detail)).to.match(/is missing: /);
    });

    it('until nobody listens any more, and leaves no timer', async () => {
      end();
      await settle();
      expect(site.clock.pending).to.equal(0);
      site.tamper(without(site.filter('isolated').key));
      await settle(1_000);
      expect(seen).to.deep.equal([]);
    });
  });

  it('says what is missing where it cannot work', async () => {
    await site.enforcer.probe();
    expect(site.bfe.journal.filter((name) => CHANGES.test(name))).to.deep.equal([]);
    site.bfe.fault = (call) => (call === 'FwpmTransactionBegin0' ? 'ERROR_ACCESS_DENIED' : undefined);
    expect(String(await rejection(site.enforcer.probe()))).to.match(/ERROR_ACCESS_DENIED.*administrator/);
    site.bfe.fault = () => undefined;
    site.bfe.stop();
    expect(String(await rejection(site.enforcer.probe()))).to.match(/EPT_S_NOT_REGISTERED.*sc start BFE/i);
  });

  it('names hard permits of others that may be asked before our blocks', async () => {
    const rival = foreignPermit();
    const named = (weight: number): void =>
      site.tamper(() => ({
        sublayers: new Map([[rival.sublayer, { ...SUBLAYER, key: rival.sublayer, name: 'vpn', weight }]]),
      }));
    const found = (): Promise<readonly string[]> => site.enforcer.overrulers();
    site.tamper(withFilter(rival));
    named(0xfffe);
    expect(await found(), 'asked after ours').to.deep.equal([]);
    named(0xffff);
    expect(await found()).to.deep.equal([
      'filter "let me out" of no provider in sublayer "vpn" may let packets pass at ALE_AUTH_CONNECT_V4 that ours block',
    ]);
    site.tamper(withFilter({ ...rival, hard: false }));
    expect(await found(), 'a block takes a soft permit back').to.deep.equal([]);
    site.tamper(withFilter({ ...rival, action: 'block' }));
    expect(await found()).to.deep.equal([]);
  });
});
