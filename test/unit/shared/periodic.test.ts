import { expect } from 'chai';
import { every } from '../../../shared/periodic.js';
import { FakeClock } from '../../fakes/fake-clock.js';

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('a periodic task', () => {
  it('runs after each interval, also after a run that failed, until it is ended', async () => {
    const clock = new FakeClock();
    const failures: unknown[] = [];
    let runs = 0;
    const task = (): Promise<void> => (++runs === 1 ? Promise.reject(new Error('once')) : Promise.resolve());
    const end = every(clock, 1_000, task, (error) => failures.push(error));
    clock.advance(999);
    expect(runs).to.equal(0);
    for (const expected of [1, 2, 3]) {
      clock.advance(expected === 1 ? 1 : 1_000);
      await settled();
      expect(runs).to.equal(expected);
    }
    expect(failures).to.have.length(1);
    end();
    clock.advance(10_000);
    await settled();
    expect(runs).to.equal(3);
    expect(clock.pending).to.equal(0);
  });

  it('never runs twice at once, and is not armed again by a run that outlives its end', async () => {
    const clock = new FakeClock();
    let runs = 0;
    let finish = (): void => undefined;
    const end = every(
      clock,
      1_000,
      () => {
        runs += 1;
        return new Promise((resolve) => (finish = resolve));
      },
      () => undefined,
    );
    clock.advance(5_000);
    expect(runs).to.equal(1);
    end();
    finish();
    await settled();
    expect(clock.pending).to.equal(0);
  });
});
