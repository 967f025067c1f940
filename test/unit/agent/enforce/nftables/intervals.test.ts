import { expect } from 'chai';
import fc from 'fast-check';
import { addressText, disjoint, type Rectangle } from '../../../../../agent/enforce/nftables/intervals.js';
import { parseAddressRange } from '../../../../../shared/exclusions/address.js';
import { addressIntervals, union, type Interval } from '../../../../../shared/exclusions/intervals.js';

const interval = (max: number): fc.Arbitrary<Interval> =>
  fc
    .tuple(fc.nat(max), fc.nat(max))
    .map(([a, b]) => ({ first: BigInt(Math.min(a, b)), last: BigInt(Math.max(a, b)) }));
const rectangle: fc.Arbitrary<Rectangle> = fc.record({ addresses: interval(12), ports: interval(12) });
const holds = ({ first, last }: Interval, value: number): boolean => first <= value && value <= last;
const numbers = Array.from({ length: 13 }, (_, index) => index);

describe('intervals', () => {
  it('keeps exactly the same numbers in a union', () => {
    fc.assert(
      fc.property(fc.array(interval(12)), (intervals) => {
        const merged = union(intervals);
        for (const number of numbers) {
          const inside = merged.filter((one) => holds(one, number)).length;
          expect(inside).to.equal(intervals.some((one) => holds(one, number)) ? 1 : 0);
        }
      }),
    );
  });

  it('keeps exactly the same points in disjoint rectangles, each in one rectangle of its set', () => {
    fc.assert(
      fc.property(fc.array(rectangle, { maxLength: 10 }), (rectangles) => {
        const sets = disjoint(rectangles);
        const covers = ({ addresses, ports }: Rectangle, x: number, y: number): boolean =>
          holds(addresses, x) && holds(ports, y);
        for (const x of numbers) {
          for (const y of numbers) {
            const hits = sets.map((set) => set.filter((one) => covers(one, x, y)).length);
            expect(Math.max(0, ...hits)).to.equal(rectangles.some((one) => covers(one, x, y)) ? 1 : 0);
          }
        }
      }),
    );
  });

  it('does not multiply without bound when ranges are nested', () => {
    const nested = Array.from({ length: 300 }, (_, index) => ({
      addresses: { first: BigInt(index), last: BigInt(1000 - index) },
      ports: { first: BigInt(index * 3), last: BigInt(index * 3) },
    }));
    const total = disjoint(nested).flat().length;
    expect(total).to.be.at.most(nested.length * 8);
  });

  it('reads every form of an IPv6 address that a plan can hold', () => {
    for (const text of [
      '::',
      '::1',
      '2001:db8::',
      '2001:db8::a:1',
      '1:2:3:4:5:6:7:8',
      'ffff::ffff:1:0:0:1',
    ]) {
      const range = parseAddressRange(text);
      const [interval] = addressIntervals([range], 6);
      if (!interval) throw new Error(`${text} was lost`);
      expect(parseAddressRange(addressText(interval, 6)).first, text).to.equal(range.first);
    }
  });

  it('writes addresses of both versions', () => {
    expect(addressText({ first: 0xc0000201n, last: 0xc0000201n }, 4)).to.equal('192.0.2.1');
    expect(addressText({ first: 0n, last: 2n ** 32n - 1n }, 4)).to.equal('0.0.0.0-255.255.255.255');
    expect(addressText({ first: 1n, last: 1n }, 6)).to.equal('0000:0000:0000:0000:0000:0000:0000:0001');
  });
});
