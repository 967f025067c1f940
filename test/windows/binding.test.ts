import { itNeeding } from '../net/site/it-needing.js';
import { mingw } from './bfe-double/build.js';
import { BfeDouble } from './bfe-double/double.js';
import { expectSuite, Wine, wine } from './wine.js';

describe('the binding of WFP under Wine', function () {
  this.timeout(300_000);
  let windows: Wine | undefined;
  afterEach(() => windows?.close());

  const both = { met: wine.met && mingw.met, why: wine.met ? mingw.why : wine.why };

  for (const [title, suite] of [
    ['sends every object as meant, and reads it back', 'objects'],
    ['makes transactions, and says who is in the way', 'transactions'],
    ['keeps sessions and subscriptions, and leaves nothing behind', 'sessions'],
  ] as const) {
    itNeeding(both, title, async () => {
      windows = Wine.make();
      BfeDouble.install(windows);
      await expectSuite(windows, `test/windows/suites/binding-${suite}.wine.js`, { timeoutMs: 150_000 });
    });
  }

  itNeeding(wine, 'says that there is no filter engine where there is none', async () => {
    windows = Wine.make();
    await expectSuite(windows, 'test/windows/suites/binding-without-engine.wine.js');
  });
});
