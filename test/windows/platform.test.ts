import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../shared/package-root.js';
import type { Need } from '../net/site/it-needing.js';
import { itNeeding } from '../net/site/it-needing.js';
import { must } from '../net/site/run.js';
import { expectSuite, Wine, wine } from './wine.js';

const COMPILER = '/usr/bin/x86_64-w64-mingw32-gcc';
const SOURCES = join(packageRoot, 'test', 'windows', 'platform-double');

const wineAndCompiler: Need = {
  met: wine.met && existsSync(COMPILER),
  why: `${wine.why}; or mingw-w64 is`,
};

describe('the agent as a citizen of Windows', function () {
  this.timeout(120_000);
  let windows: Wine | undefined;
  afterEach(() => windows?.close());

  itNeeding(wineAndCompiler, 'keeps time, files, service, log and messages as it does on Linux', async () => {
    windows = Wine.make();
    const doubles = windows.driveC('doubles');
    mkdirSync(doubles);
    for (const name of ['advapi32', 'wtsapi32']) {
      const [source, exports] = ['c', 'def'].map((ending) => join(SOURCES, `${name}.${ending}`)) as [
        string,
        string,
      ];
      const warnings = ['-Wall', '-Wextra', '-Werror'];
      must(COMPILER, [
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
