import { expect } from 'chai';
import { itNeeding } from '../net/site/it-needing.js';
import { mingw } from './bfe-double/build.js';
import { BfeDouble } from './bfe-double/double.js';
import { Wine, wine } from './wine.js';

const needs = [wine, mingw].find(({ met }) => !met) ?? wine;

interface Report {
  readonly checks: readonly { readonly name: string; readonly outcome: string; readonly found: string }[];
}

describe('the self-test on Windows', function () {
  this.timeout(300_000);
  let windows: Wine;
  let bfe: BfeDouble;
  afterEach(() => windows?.close());

  const install = (): void => {
    windows = Wine.make();
    bfe = BfeDouble.install(windows);
  };
  /** Outcomes by name. */
  const run = async (...names: string[]): Promise<{ code: number | undefined; outcomes: object }> => {
    const args = ['self-test', '--json', ...names];
    const { code, stdout, stderr } = await windows.runNode(windows.compiled('agent/main.js'), args);
    expect(stdout, stderr).not.to.equal('');
    const { checks } = JSON.parse(stdout) as Report;
    return { code, outcomes: Object.fromEntries(checks.map(({ name, outcome }) => [name, outcome])) };
  };

  itNeeding(needs, 'passes what a filter engine does with objects, and leaves none of its own', async () => {
    install();
    const names = ['wfp-library', 'wfp-engine', 'wfp-rights', 'wfp-subscription', 'wfp-lock', 'wfp-values'];
    names.push('wfp-persistent', 'wfp-boot-time', 'wfp-condition-order', 'wfp-foreign-permits');
    const { outcomes } = await run(...names);
    expect(outcomes).to.deep.equal(Object.fromEntries(names.map((name) => [name, 'pass'])));
    const { filters, providers, errors } = await bfe.refresh();
    expect(filters).to.deep.equal([]);
    expect(providers.filter(({ name }) => name.startsWith('Cordon'))).to.deep.equal([]);
    expect(errors).to.deep.equal([]);
  });

  itNeeding(needs, 'fails where the engine takes filters and packets do not follow them', async () => {
    install();
    const { code, outcomes } = await run(
      'wfp-block-connect-v4',
      'wfp-block-accept-v6',
      'wfp-open-connection-v4',
    );
    expect(outcomes).to.deep.equal({
      'wfp-block-connect-v4': 'fail',
      'wfp-block-accept-v6': 'fail',
      'wfp-open-connection-v4': 'fail',
    });
    expect(code).to.equal(1);
    expect((await bfe.refresh()).filters).to.deep.equal([]);
  });
});
