import { expect } from 'chai';
import {
  deadlineIn,
  elapsedMs,
  reanchored,
  remainingMs,
  type Moment,
} from '../../../../agent/isolation/deadline.js';
import { latencyMs } from '../../../../agent/isolation/latency.js';

const HOUR = 3_600_000;
const start: Moment = { bootId: 'first', sinceBootMs: 1_000, wallMs: 1_700_000_000_000 };
const later = (ms: number, jumpMs = 0): Moment => ({
  ...start,
  sinceBootMs: start.sinceBootMs + ms,
  wallMs: start.wallMs + ms + jumpMs,
});
const rebooted = (wallMs: number): Moment => ({ bootId: 'second', sinceBootMs: 5, wallMs });

describe('the deadline of an isolation', () => {
  it('is neither extended nor cut by a jump of the wall clock', () => {
    const deadline = deadlineIn(8 * HOUR, start);
    for (const jump of [-48 * HOUR, 48 * HOUR]) {
      expect(remainingMs(deadline, later(3 * HOUR, jump))).to.equal(5 * HOUR);
    }
  });

  it('counts the time in suspend, which the time since boot includes', () => {
    expect(remainingMs(deadlineIn(HOUR, start), later(2 * HOUR))).to.equal(-HOUR);
  });

  it('goes by the wall clock after a reboot', () => {
    expect(remainingMs(deadlineIn(8 * HOUR, start), rebooted(start.wallMs + 7 * HOUR))).to.equal(HOUR);
  });

  it('never grows beyond its original length when the clock was set back across a reboot', () => {
    expect(remainingMs(deadlineIn(8 * HOUR, start), rebooted(start.wallMs - 100 * HOUR))).to.equal(8 * HOUR);
  });

  it('does not go by the wall clock again once it is counted in the new boot', () => {
    const now = rebooted(start.wallMs + 6 * HOUR);
    const deadline = reanchored(deadlineIn(8 * HOUR, start), now);
    expect(remainingMs(deadline, { ...now, wallMs: now.wallMs + 50 * HOUR })).to.equal(2 * HOUR);
  });

  it('sees no negative time pass', () => {
    expect(elapsedMs(start, rebooted(start.wallMs - HOUR))).to.equal(0);
  });

  it('measures latency by the fine clock, and by the steady one when the fine one jumped', () => {
    expect(latencyMs(start, later(0, 7))).to.equal(7);
    expect(latencyMs(start, later(20, HOUR))).to.equal(20);
  });
});
