import { expect } from 'chai';
import { openEngine } from '../../../../../agent/enforce/wfp/engine.js';
import { Queue } from '../../../../../agent/enforce/wfp/queue.js';

async function rejection(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => undefined,
    (error: unknown) => error,
  );
}

describe('opening a session of WFP', () => {
  it('refuses options out of their range before any library is loaded', async () => {
    for (const lockWaitMs of [0, 3_600_001, 1.5]) {
      expect(await rejection(openEngine({ name: 'test', lockWaitMs })))
        .to.be.instanceOf(RangeError)
        .with.property('message')
        .that.matches(/^lockWaitMs: /);
    }
    expect(await rejection(openEngine({ name: '' }))).to.be.instanceOf(RangeError);
    expect(await rejection(openEngine({ name: 'a\0b' }))).to.be.instanceOf(RangeError);
  });

  it('names the library where there is none, each time', async () => {
    for (let time = 0; time < 2; time++) {
      expect(await rejection(openEngine({ name: 'test', library: '/nothing/here.dll' })))
        .to.be.instanceOf(Error)
        .with.property('message')
        .that.includes('/nothing/here.dll');
    }
  });
});

describe('the queue of calls', () => {
  it('does one thing after the other, whatever becomes of them', async () => {
    const queue = new Queue();
    const done: string[] = [];
    const slow = queue.run(async () => {
      await new Promise((resolve) => setTimeout(resolve, 5));
      done.push('slow');
      throw new Error('slow failed');
    });
    const quick = queue.run(() => Promise.resolve(done.push('quick')));
    expect(await rejection(slow)).to.have.property('message', 'slow failed');
    await quick;
    expect(done).to.deep.equal(['slow', 'quick']);
  });

  it('takes only so many, and none after its end', async () => {
    const queue = new Queue();
    const taken = Array.from({ length: 1_000 }, () => queue.run(() => Promise.resolve()));
    expect(await rejection(queue.run(() => Promise.resolve())))
      .to.have.property('message')
      .that.matches(/^1000 calls/);
    await Promise.all(taken);
    await queue.run(() => Promise.resolve());
    queue.close();
    expect(await rejection(queue.run(() => Promise.resolve()))).to.be.instanceOf(Error);
  });
});
