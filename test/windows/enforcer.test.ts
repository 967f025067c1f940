import { itNeeding } from '../net/site/it-needing.js';
import { mingw } from './bfe-double/build.js';
import { BfeDouble } from './bfe-double/double.js';
import { expectSuite, Wine, wine } from './wine.js';

const needs = { met: wine.met && mingw.met, why: wine.met ? mingw.why : wine.why };

describe('the WFP enforcer under Wine', function () {
  this.timeout(360_000);
  let windows: Wine | undefined;
  afterEach(() => windows?.close());

  itNeeding(needs, 'isolates, changes, watches and releases with the real calls', async () => {
    windows = Wine.make();
    BfeDouble.install(windows);
    await expectSuite(windows, 'test/windows/suites/enforcer.wine.js', { timeoutMs: 350_000 });
  });
});
