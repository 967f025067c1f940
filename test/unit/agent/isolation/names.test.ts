import { expect } from 'chai';
import { resolveHosts, type Lookup } from '../../../../agent/isolation/names.js';
import { FakeClock } from '../../../fakes/fake-clock.js';

const nobody: Lookup = () => Promise.reject(new Error('ENOTFOUND'));
const answering =
  (...addresses: string[]): Lookup =>
  () =>
    Promise.resolve(addresses);

describe('resolving the host names of exclusions', () => {
  const clock = new FakeClock();

  it('keeps the addresses of a name that does not answer any more', async () => {
    const known = { 'a.example': ['192.0.2.7'] };
    expect(await resolveHosts(clock, nobody, ['a.example'], known)).to.deep.equal(known);
  });

  it('finds no addresses for a name without an answer, also one that every object has', async () => {
    for (const name of ['a.example', 'constructor', '__proto__', 'toString']) {
      const found = await resolveHosts(clock, nobody, [name], {});
      expect(Object.entries(found), name).to.deep.equal([[name, []]]);
    }
  });

  it('leaves out answers that no packet filter takes, so that no name can keep a device from being isolated', async () => {
    const look = answering('::ffff:192.0.2.9', 'fe80::1%eth0', 'nonsense', '2001:db8::1', '192.0.2.8');
    expect(await resolveHosts(clock, look, ['a.example'], {})).to.deep.equal({
      'a.example': ['192.0.2.8', '2001:db8::1'],
    });
  });
});
