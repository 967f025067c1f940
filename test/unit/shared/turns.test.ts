import { expect } from 'chai';
import { atOnce, inTurns, type Pieces } from '../../../shared/turns.js';

function* count(to: number, done: number[]): Pieces<string> {
  for (let piece = 1; piece <= to; piece += 1) {
    done.push(piece);
    yield;
  }
  return 'done';
}

describe('work in pieces', () => {
  it('is done at once', () => {
    const done: number[] = [];
    expect(atOnce(count(3, done))).to.equal('done');
    expect(done).to.deep.equal([1, 2, 3]);
  });

  it('lets others have their turn after 20 ms', async () => {
    const done: number[] = [];
    let now = 0;
    const ended = inTurns(count(6, done), () => (now += 7));
    expect(done).to.deep.equal([1, 2, 3]);
    await new Promise((resolve) => setImmediate(resolve));
    await new Promise((resolve) => setImmediate(resolve));
    expect(done).to.deep.equal([1, 2, 3, 4, 5, 6]);
    expect(await ended).to.equal('done');
  });
});
