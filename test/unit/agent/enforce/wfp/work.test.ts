import { expect } from 'chai';
import { v5 } from 'uuid';
import { canonical, textFor } from '../../../../../agent/enforce/wfp/canonical.js';
import { filtersInTurns, filtersOf, type PlanFilters } from '../../../../../agent/enforce/wfp/filters.js';
import { LAYERS, type Guid } from '../../../../../agent/enforce/wfp/guids.js';
import { ownFilter } from '../../../../../agent/enforce/wfp/keys.js';
import { KEY_NAMESPACE } from '../../../../../agent/enforce/wfp/own-objects.js';
import { SIDS } from '../../../../../agent/windows/sid.js';
import { mixedExclusions } from '../../../../../bench/exclusions/many.js';
import { wfpPlan, WfpSite } from '../../../../fakes/wfp-site.js';

/** Counted, not timed: a busy machine changes nothing here. */
describe('the work of an isolation through WFP', () => {
  const EXCLUSIONS = mixedExclusions(1000);
  const layers = Object.keys(LAYERS).length;

  const counted = (names: readonly string[]): Record<string, number> => {
    const counts: Record<string, number> = {};
    for (const name of names) counts[name] = (counts[name] ?? 0) + 1;
    return counts;
  };

  /** What one application of the plan asks of the engine. */
  async function callsOf(site: WfpSite, exclusions: typeof EXCLUSIONS): Promise<Record<string, number>> {
    const before = site.bfe.journal.length;
    await site.enforcer.apply(wfpPlan(exclusions));
    return counted(site.bfe.journal.slice(before));
  }

  /** A look at everything that is ours, in the transaction and once more after it. */
  const TWO_LOOKS = { FwpmProviderGetByKey0: 2, FwpmSubLayerEnum0: 2, FwpmFilterEnum0: 2 * layers };
  const ONE_TRANSACTION = { FwpmTransactionBegin0: 1, FwpmTransactionCommit0: 1 };

  it('is two looks and no change where the plan is in force already, however many exclusions it has', async () => {
    for (const exclusions of [[], EXCLUSIONS.slice(0, 100)]) {
      const site = new WfpSite();
      await callsOf(site, exclusions);
      expect(await callsOf(site, exclusions)).to.deep.equal({ ...TWO_LOOKS, ...ONE_TRANSACTION });
    }
  });

  it('is one call for each filter where nothing is in force, in one transaction', async () => {
    const site = new WfpSite();
    const { FwpmEngineOpen0: opened, ...calls } = await callsOf(site, EXCLUSIONS.slice(0, 100));
    expect(opened).to.equal(1);
    expect(calls).to.deep.equal({
      ...TWO_LOOKS,
      ...ONE_TRANSACTION,
      FwpmProviderAdd0: 1,
      FwpmSubLayerAdd0: 1,
      FwpmFilterAdd0: site.bfe.content.filters.size,
    });
  });

  it('puts each filter into words that are compared once, and makes its key of them', () => {
    let made = 0;
    const data = Buffer.from('plan');
    const plain = data.toString.bind(data);
    data.toString = (...how: Parameters<Buffer['toString']>) => {
      if (how[0] === 'hex') made += 1;
      return plain(...how);
    };
    const filter = ownFilter({
      name: 'Cordon: test',
      layer: 'ALE_AUTH_CONNECT_V4',
      lifetime: 'persistent',
      weight: { kind: 'class', value: 1 },
      conditions: [],
      action: 'block',
      hard: true,
      data,
    });
    const text = textFor(filter);
    textFor(filter);
    expect(made).to.equal(1);
    expect(text).to.equal(canonical(filter));
    expect(made, 'control').to.equal(2);
    // The package makes the same key, more slowly.
    expect(filter.key).to.equal(v5(text, KEY_NAMESPACE));
  });

  it('gives the event loop its turn while the filters of a long list are made, and makes the same ones', async () => {
    const plan = wfpPlan(mixedExclusions(4_000));
    const context = { agent: { appId: Buffer.from('agent'), sid: SIDS.localSystem }, appIds: new Map() };
    let turns = 0;
    let done = false;
    const turn = (): void => {
      turns += 1;
      if (!done) setImmediate(turn);
    };
    setImmediate(turn);
    const made = await filtersInTurns(plan, context);
    done = true;
    expect(turns).to.be.at.least(3);
    const keysOf = ({ filters }: PlanFilters): Guid[] => filters.map(({ key }) => key);
    expect(keysOf(made)).to.deep.equal(keysOf(filtersOf(plan, context)));
    expect(made.unsupported).to.deep.equal([]);
  });
});
