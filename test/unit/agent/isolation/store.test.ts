import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { fileStore, NOTHING_YET, STATE_FILE, StateFileError } from '../../../../agent/isolation/store.js';
import { OwnerSite } from '../../../fakes/agent-owner.js';
import { FakeClock } from '../../../fakes/fake-clock.js';
import { desired, isolate, release } from '../../../fakes/isolation.js';

describe('the state file', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'cordon-state-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('gives back every state as it was saved', async () => {
    const site = new OwnerSite(new FakeClock());
    await site.owner.start();
    const store = fileStore(folder);
    expect(store.load()).to.equal(NOTHING_YET);
    for (const [generation, given] of [isolate(), release()].entries()) {
      await site.owner.handle(desired(BigInt(generation + 1), given), site.now());
      store.save(site.store.content);
      // Undefined and absent are the same on disk.
      expect(JSON.stringify(plain(store.load()))).to.equal(JSON.stringify(plain(site.store.content)));
    }
    await site.owner.stop();
  });

  it('is refused when it cannot be read, and never taken for a device that was not isolated', () => {
    const path = join(folder, STATE_FILE);
    symlinkSync(path, path);
    expect(() => fileStore(folder).load()).to.throw(StateFileError, /isolation\.json.*ELOOP/);
  });

  it('is refused when it is damaged, with the name of the file and what to do', () => {
    fileStore(folder).save(NOTHING_YET);
    const path = join(folder, STATE_FILE);
    const whole = readFileSync(path, 'utf8');
    for (const damaged of ['', whole.slice(0, -5), whole.replace('RELEASED', 'OPEN')]) {
      writeFileSync(path, damaged);
      expect(() => fileStore(folder).load()).to.throw(StateFileError, /isolation\.json.*purge/);
    }
  });
});

/** Numbers of 64 bits as text, keys in one order. */
function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString();
  if (Buffer.isBuffer(value)) return value.toString('hex');
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, member]) => member !== undefined)
      .sort(([left], [right]) => left.localeCompare(right))
      .map(([key, member]) => [key, plain(member)]),
  );
}
