import { status } from '@grpc/grpc-js';
import { expect } from 'chai';
import { Allowance } from '../../../../agent/local/allowance.js';
import { Attempts } from '../../../../agent/local/attempts.js';
import { CordonError } from '../../../../shared/errors.js';
import { settled } from '../../../fakes/agent-owner.js';
import { FakeClock } from '../../../fakes/fake-clock.js';

describe('attempts at a password', () => {
  let clock: FakeClock;
  let attempts: Attempts;
  let checked: number;
  beforeEach(() => {
    clock = new FakeClock();
    attempts = new Attempts(clock);
    checked = 0;
  });

  const attempt = (right: boolean, gone = (): boolean => false): Promise<boolean | CordonError> =>
    attempts
      .run(() => {
        checked += 1;
        return Promise.resolve(right);
      }, gone)
      .catch((error: unknown) => error as CordonError);

  /** Time that the next attempt has to wait, seconds. */
  async function waits(right: boolean): Promise<number> {
    const before = checked;
    const outcome = attempt(right);
    await settled();
    let seconds = 0;
    for (; checked === before; seconds++) {
      clock.advance(1000);
      await settled();
    }
    expect(await outcome).to.equal(right);
    return seconds;
  }

  it('are put off by 1, 2, 4 ... 30 s after wrong ones, until one is right', async () => {
    const waited: number[] = [];
    for (let round = 0; round < 8; round++) waited.push(await waits(false));
    expect(waited).to.deep.equal([0, 1, 2, 4, 8, 16, 30, 30]);
    expect(await waits(true)).to.equal(30);
    expect(await waits(false)).to.equal(0);
    expect(await waits(false)).to.equal(1);
  });

  it('are not put off when time has passed anyway', async () => {
    await waits(false);
    clock.advance(1000);
    expect(await waits(true)).to.equal(0);
  });

  it('wait for one another, and beyond the second are told when to come back', async () => {
    await waits(false);
    await waits(false);
    const first = attempt(false);
    const second = attempt(true);
    const third = await attempt(true);
    expect(third).to.be.instanceOf(CordonError);
    expect(third).to.include({ code: status.RESOURCE_EXHAUSTED });
    expect((third as CordonError).details.retryAfterMs).to.equal(3000);
    clock.advance(2000);
    await settled();
    expect(await first).to.equal(false);
    expect(checked).to.equal(3);
    clock.advance(4000);
    expect(await second).to.equal(true);
    // Room again.
    expect(await waits(true)).to.equal(0);
  });

  it('of somebody who has left are not made', async () => {
    await waits(false);
    const outcome = attempt(true, () => true);
    clock.advance(1000);
    expect(await outcome).to.include({ code: status.CANCELLED });
    expect(checked).to.equal(1);
  });

  it('that wait end with the agent, and leave no timer behind', async () => {
    await waits(false);
    const outcome = attempt(true);
    await settled();
    expect(clock.pending).to.equal(1);
    attempts.stop();
    expect(await outcome).to.include({ code: status.CANCELLED });
    expect(clock.pending).to.equal(0);
    expect(checked).to.equal(1);
  });
});

describe('an allowance', () => {
  it('gives so many at once, and then one whenever its time has passed', () => {
    const clock = new FakeClock();
    const allowance = new Allowance(clock, 3, 10_000);
    expect([1, 2, 3].map(() => allowance.take())).to.deep.equal([0, 0, 0]);
    expect(allowance.take()).to.equal(10_000);
    clock.advance(9_000);
    expect(allowance.take()).to.equal(1_000);
    clock.advance(1_000);
    expect(allowance.take()).to.equal(0);
    expect(allowance.take()).to.equal(10_000);
    clock.advance(1_000_000);
    expect([1, 2, 3].map(() => allowance.take())).to.deep.equal([0, 0, 0]);
    expect(allowance.take()).to.equal(10_000);
  });
});
