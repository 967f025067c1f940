import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { ResumeWatch } from '../../../shared/resume-watch.js';

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
});
