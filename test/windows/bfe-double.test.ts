import { expect } from 'chai';
import { itNeeding } from '../net/site/it-needing.js';
import { mingw } from './bfe-double/build.js';
import { BfeDouble } from './bfe-double/double.js';
import { Wine, wine } from './wine.js';

const needs = { met: wine.met && mingw.met, why: wine.met ? mingw.why : wine.why };

describe('the double of BFE', function () {
  this.timeout(120_000);
  let windows: Wine;
  let bfe: BfeDouble;

  before(function () {
    if (!needs.met) return;
    windows = Wine.make();
    bfe = BfeDouble.install(windows);
  });

  beforeEach(async () => {
    if (needs.met) await bfe.reset();
  });

  after(() => {
    if (needs.met) windows.close();
  });

  itNeeding(needs, 'holds 4,000 filters of one transaction, and shows them decoded', async () => {
    const ended = await windows.run(windows.windowsPath(bfe.built.bench), ['4000']);
    expect(ended.code, ended.stderr).to.equal(0);
    const { filters, counters } = bfe.dump();
    expect(filters).to.have.length(4000);
    expect(counters).to.deep.equal({ allocations: 0, enumHandles: 0, subscriptions: 0, sessions: 0 });
    const [, second] = bfe.filters();
    expect(second).to.deep.include({ name: 'Exclusion 1', layer: 'ALE_AUTH_CONNECT_V4', action: 'permit' });
    expect(second?.conditions).to.deep.equal([
      { field: 'IP_PROTOCOL', match: 'equal', value: { type: 'uint8', value: 6 } },
      {
        field: 'IP_REMOTE_PORT',
        match: 'range',
        value: { type: 'range', low: { type: 'uint16', value: 1001 }, high: { type: 'uint16', value: 2001 } },
      },
      {
        field: 'IP_REMOTE_ADDRESS',
        match: 'equal',
        value: { type: 'v4-mask', address: 0x0a000100, mask: 0xffffff00 },
      },
    ]);
  });
});
