import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { livedThrough, ResumeWatch } from '../../../shared/resume-watch.js';

const LOOKED_MS = 1_100;

describe('the watch for resumes', () => {
  it('tells each listener once for a suspend, nothing for time that just passes, and looks no more when all have gone', async () => {
    let sleptMs = 0;
    let looks = 0;
    const awake = (): number => performance.now();
    const sinceBoot = (): number => {
      looks += 1;
      return awake() + sleptMs;
    };
    const watch = new ResumeWatch(sinceBoot, awake);
    let first = 0;
    let second = 0;
    const cancelFirst = watch.add(() => first++);
    const cancelSecond = watch.add(() => second++);
    await sleep(LOOKED_MS);
    expect([first, second], 'before').to.deep.equal([0, 0]);
    sleptMs += 60_000;
    await sleep(LOOKED_MS);
    expect([first, second]).to.deep.equal([1, 1]);
    cancelFirst();
    sleptMs += 60_000;
    await sleep(LOOKED_MS);
    expect([first, second]).to.deep.equal([1, 2]);
    cancelSecond();
    const looked = looks;
    await sleep(LOOKED_MS);
    expect(looks).to.equal(looked);
  });

  it('notices a suspend where every clock goes on in it, and takes a busy process for none', () => {
    let now = 0;
    const awake = livedThrough(() => now);
    const asleep = (): number => now - awake();
    for (const gap of [1_000, 1_015, 4_900]) {
      now += gap;
      expect(asleep(), `${gap}`).to.equal(0);
    }
    now += 60_000;
    expect(asleep()).to.equal(60_000);
    now += 1_000;
    expect(asleep()).to.equal(60_000);
  });

  it('tells at once when the operating system says so, and not a second time by itself', async () => {
    let sleptMs = 0;
    const watch = new ResumeWatch(
      () => performance.now() + sleptMs,
      () => performance.now(),
    );
    let resumed = 0;
    const cancel = watch.add(() => resumed++);
    sleptMs += 60_000;
    watch.resumed();
    expect(resumed).to.equal(1);
    await sleep(LOOKED_MS);
    cancel();
    expect(resumed).to.equal(1);
  });
});
