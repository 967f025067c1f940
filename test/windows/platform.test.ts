import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../shared/package-root.js';
import { itNeeding } from '../net/site/it-needing.js';
import { compileForWindows, mingw } from './bfe-double/build.js';
import { expectSuite, Wine, wine } from './wine.js';

const SOURCES = join(packageRoot, 'test', 'windows', 'platform-double');

const needs = [wine, mingw].find(({ met }) => !met) ?? wine;

describe('the agent as a citizen of Windows', function () {
  this.timeout(300_000);
  let windows: Wine | undefined;
  afterEach(() => windows?.close());

  itNeeding(needs, 'keeps time, files, service, log and messages as it does on Linux', async () => {
    windows = Wine.make();
    const doubles = windows.driveC('doubles');
    mkdirSync(doubles);
    for (const name of ['advapi32', 'wtsapi32']) {
      const [source, exports] = ['c', 'def'].map((ending) => join(SOURCES, `${name}.${ending}`)) as [
        string,
        string,
      ];
      const warnings = ['-Wall', '-Wextra', '-Werror'];
      compileForWindows([
        ...warnings,
        '-D_WIN32_WINNT=0x0A00',
        '-shared',
        '-o',
        join(doubles, `double-${name}.dll`),
        source,
        exports,
      ]);
    }
    const env = { CORDON_DOUBLES: 'C:\\doubles', CORDON_DOUBLE_LOG: 'C:\\doubles\\said.log' };
    await expectSuite(windows, 'test/windows/suites/platform.wine.js', { env, timeoutMs: 110_000 });
  });
});
