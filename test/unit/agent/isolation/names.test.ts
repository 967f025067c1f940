import { expect } from 'chai';
import { fewAtATime, resolveHosts, type Lookup } from '../../../../agent/isolation/names.js';
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

  it('keeps no more addresses of a name than an exclusion may list', async () => {
    const many = Array.from({ length: 4000 }, (_, index) => `10.0.${index >> 8}.${index & 255}`);
    const found = await resolveHosts(clock, answering(...many), ['a.example'], {});
    expect(found['a.example']).to.have.length(256);
  });

  it('looks few names up at a time, and none again that nobody has answered yet', async () => {
    const asked: string[] = [];
    const answers = new Map<string, () => void>();
    const slow: Lookup = (host) => {
      asked.push(host);
      return new Promise((resolve) => answers.set(host, () => resolve(['192.0.2.1'])));
    };
    const look = fewAtATime(slow);
    const hosts = Array.from({ length: 100 }, (_, index) => `h${index}.example`);
    for (let round = 0; round < 3; round += 1) {
      const found = resolveHosts(clock, look, hosts, {});
      clock.advance(2_000);
      expect(Object.values(await found).flat()).to.deep.equal([]);
    }
    expect(asked).to.deep.equal(['h0.example', 'h1.example']);

    for (let count = 0; count < 100; count += 1) {
      answers.get(`h${count}.example`)?.();
      await new Promise(setImmediate);
    }
    expect(asked).to.deep.equal(hosts);
    const again = look('h0.example');
    answers.get('h0.example')?.();
    expect(await again).to.deep.equal(['192.0.2.1']);
  });

  it('goes on with the next name after one that cannot be resolved', async () => {
    const failing = fewAtATime(nobody);
    const found = await Promise.allSettled(['a', 'b', 'c'].map(failing));
    expect(found.map(({ status }) => status)).to.deep.equal(['rejected', 'rejected', 'rejected']);
  });
});
