import { expect } from 'chai';
import { defaultReconnect, reconnectDelay } from '../../../shared/backoff.js';

/** The largest number that a source of randomness gives. */
const ALMOST_ONE = 1 - Number.EPSILON;

describe('the delay before the next attempt to connect', () => {
  it('is any part of the spread after a healthy stream', () => {
    expect(reconnectDelay(defaultReconnect, 0, 0)).to.equal(0);
    expect(reconnectDelay(defaultReconnect, 0, 0.25)).to.equal(2_500);
    expect(reconnectDelay(defaultReconnect, 0, ALMOST_ONE)).to.be.within(9_999, 10_000);
  });

  it('is any part of a step that doubles from 1 s to 300 s with each failure', () => {
    const ceilings = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11].map((failures) =>
      Math.round(reconnectDelay(defaultReconnect, failures, ALMOST_ONE) / 1000),
    );
    expect(ceilings).to.deep.equal([1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
    for (const failures of [1, 5, 11]) expect(reconnectDelay(defaultReconnect, failures, 0)).to.equal(0);
  });

  it('stays at the longest step however often it failed', () => {
    expect(reconnectDelay(defaultReconnect, 1_000_000, 0.5)).to.equal(150_000);
  });

  it('spreads a fleet that lost its server at one moment over the whole step', () => {
    const delays = Array.from({ length: 1_000 }, () => reconnectDelay(defaultReconnect, 6, Math.random()));
    const tenths = new Set(delays.map((ms) => Math.floor(ms / 3_200)));
    expect(tenths.size).to.equal(10);
  });
});
