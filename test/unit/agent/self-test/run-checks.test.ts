import { expect } from 'chai';
import { ALL_CHECKS, selectChecks } from '../../../../agent/self-test/all.js';
import { fail, pass, skip, type Check, type Outcome } from '../../../../agent/self-test/check.js';
import { line, summary } from '../../../../agent/self-test/report.js';
import { runChecks } from '../../../../agent/self-test/run-checks.js';
import { FakeClock } from '../../../fakes/fake-clock.js';

const SUBJECT = { dataDir: '/nowhere', controlSocket: '/nowhere/socket' };
const QUIET = { stillRunning: () => undefined, ended: () => undefined };

const named = (name: string, run: () => Promise<Outcome>): Check => ({
  name,
  platform: 'linux',
  claim: 'it holds',
  run,
});

/** Lets promises that are settled run on. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('the self-test', () => {
  it('takes what a check throws for a failure, and goes on', async () => {
    const checks = [
      named('first', () => Promise.reject(new Error('no nft'))),
      named('second', () => {
        throw new Error('no ss');
      }),
      named('third', () => Promise.resolve(pass('seen'))),
    ];
    const results = await runChecks(checks, SUBJECT, new FakeClock(), QUIET);
    expect(results.map(({ outcome }) => outcome.kind)).to.deep.equal(['fail', 'fail', 'pass']);
    expect(results.map(line)[0]).to.match(/^FAIL first +no nft; do what/);
    expect(summary(results)).to.equal('1 passed, 2 failed, 0 could not be checked');
  });

  it('tells of a check that takes long, and gives it up', async () => {
    const clock = new FakeClock();
    const told: number[] = [];
    const endless = named('endless', () => new Promise(() => undefined));
    const listener = { ...QUIET, stillRunning: (_: Check, forMs: number) => told.push(forMs) };
    const running = runChecks([endless], SUBJECT, clock, listener);
    for (let second = 0; second < 30; second += 1) {
      await settle();
      clock.advance(1000);
    }
    const [result] = await running;
    expect(told.slice(0, 3)).to.deep.equal([2000, 4000, 6000]);
    expect(result?.outcome).to.include({ kind: 'fail' });
    expect(result && line(result)).to.match(/not ended after 30 s; run "cordon-agent self-test endless"/);
  });

  it('prints one line a check, whatever is in what it saw', () => {
    const check = named('odd', () => Promise.resolve(pass('')));
    const lines = [fail('a\nb\u001b[2J', 'c'), skip('d', 'e')].map((outcome) =>
      line({ check, outcome, tookMs: 1 }),
    );
    expect(lines).to.deep.equal([`FAIL ${'odd'.padEnd(24)} a b?[2J; c`, `SKIP ${'odd'.padEnd(24)} d; e`]);
  });

  it('has one check of a name on each platform, in the form that is promised', () => {
    for (const platform of ['linux', 'win32'] as const) {
      const names = ALL_CHECKS.filter((check) => check.platform === platform).map(({ name }) => name);
      expect(names).to.have.length(new Set(names).size);
      for (const name of names) expect(name).to.match(/^[a-z0-9]+(-[a-z0-9]+)*$/);
    }
  });

  it('runs all checks of this platform unless some are named, and no others', () => {
    const all = selectChecks([], 'win32');
    expect(all.kind === 'checks' && all.checks.every(({ platform }) => platform === 'win32')).to.equal(true);
    const two = selectChecks(['wfp-boot-time', 'wfp-engine'], 'win32');
    expect(two.kind === 'checks' && two.checks.map(({ name }) => name)).to.deep.equal([
      'wfp-engine',
      'wfp-boot-time',
    ]);
    expect(selectChecks(['wfp-engine'], 'linux').kind).to.equal('elsewhere');
    expect(selectChecks(['wfp'], 'win32')).to.deep.equal({ kind: 'unknown', name: 'wfp' });
  });
});
