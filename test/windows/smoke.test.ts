import { expect } from 'chai';
import { itNeeding } from '../net/site/it-needing.js';
import { expectSuite, runSuite, Wine, wine } from './wine.js';

describe('tests under Wine', function () {
  this.timeout(60_000);
  let windows: Wine | undefined;
  afterEach(() => windows?.close());

  itNeeding(wine, 'run with Node for Windows and call its libraries', async () => {
    windows = Wine.make();
    await expectSuite(windows, 'test/windows/suites/smoke.wine.js');
  });

  itNeeding(wine, 'fail where the file cannot be run', async () => {
    windows = Wine.make();
    const missing = await runSuite(windows, 'test/windows/suites/none.wine.js').catch(
      (error: unknown) => error,
    );
    expect(missing).to.be.instanceOf(Error);
  });
});
