import { itNeeding } from '../net/site/it-needing.js';
import { expectSuite, Wine, wine } from './wine.js';

describe('the local service on Windows', function () {
  this.timeout(300_000);
  let windows: Wine | undefined;
  afterEach(() => windows?.close());

  for (const suite of ['pipe-server', 'pipe-command-line']) {
    itNeeding(wine, `passes under Wine: ${suite}`, async () => {
      windows = Wine.make();
      await expectSuite(windows, `test/windows/suites/${suite}.wine.js`, { timeoutMs: 280_000 });
    });
  }
});
