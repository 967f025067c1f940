import { expect } from 'chai';
import { renameOver, type RenameParts } from '../../../shared/rename-over.js';

/** A file that somebody holds until a moment, in milliseconds. */
function held(
  until: number,
  platform: NodeJS.Platform,
  code = 'EPERM',
): RenameParts & { readonly at: () => number } {
  let now = 0;
  return {
    platform,
    now: () => now,
    pause: (ms) => (now += ms),
    rename: () => {
      if (now < until) throw Object.assign(new Error(code), { code });
    },
    at: () => now,
  };
}

describe('renaming over a file', () => {
  it('waits for whoever holds it on Windows, up to a second', () => {
    for (const code of ['EPERM', 'EBUSY', 'EACCES']) {
      const parts = held(300, 'win32', code);
      renameOver('a', 'b', parts);
      expect(parts.at(), code).to.be.within(300, 320);
    }
    const longer = held(5_000, 'win32');
    expect(() => renameOver('a', 'b', longer)).to.throw('EPERM');
    expect(longer.at()).to.be.within(1_000, 1_040);
  });

  it('fails at once for another reason, and elsewhere', () => {
    for (const parts of [held(300, 'win32', 'ENOSPC'), held(300, 'linux')]) {
      expect(() => renameOver('a', 'b', parts)).to.throw();
      expect(parts.at()).to.equal(0);
    }
  });
});
