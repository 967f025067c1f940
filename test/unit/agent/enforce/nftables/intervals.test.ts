import { expect } from 'chai';
import fc from 'fast-check';
import {
  addressText,
  disjoint,
  type Box,
  type Quota,
} from '../../../../../agent/enforce/nftables/intervals.js';
import { parseAddressRange } from '../../../../../shared/exclusions/address.js';
import { addressIntervals, union, type Interval } from '../../../../../shared/exclusions/intervals.js';

const interval = (max: number): fc.Arbitrary<Interval> =>
  fc
    .tuple(fc.nat(max), fc.nat(max))
    .map(([a, b]) => ({ first: BigInt(Math.min(a, b)), last: BigInt(Math.max(a, b)) }));
const box: fc.Arbitrary<Box> = fc.tuple(interval(5), interval(5), interval(5));
const holds = ({ first, last }: Interval, value: number): boolean => first <= value && value <= last;
const small = Array.from({ length: 6 }, (_, index) => index);
const numbers = Array.from({ length: 13 }, (_, index) => index);

const ample = (): Quota => ({ left: 1000, exceeded: false });

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

  it('keeps exactly the same points in disjoint boxes, each in one box of its set', () => {
    fc.assert(
      fc.property(fc.array(box, { minLength: 1, maxLength: 10 }), (boxes) => {
        const sets = disjoint(boxes, ample());
        const covers = (one: Box, point: readonly number[]): boolean =>
          one.every((side, axis) => holds(side, point[axis] ?? -1));
        for (const x of small) {
          for (const y of small) {
            for (const z of small) {
              const hits = sets.map((set) => set.filter((one) => covers(one, [x, y, z])).length);
              expect(Math.max(0, ...hits)).to.equal(boxes.some((one) => covers(one, [x, y, z])) ? 1 : 0);
            }
          }
        }
      }),
    );
  });

  const range = (first: number, last: number): Interval => ({ first: BigInt(first), last: BigInt(last) });

  it('does not multiply without bound when ranges are nested', () => {
    const nested = Array.from({ length: 300 }, (_, index) => [
      range(index, 1000 - index),
      range(index * 3, index * 3),
    ]);
    const total = disjoint(nested, ample()).flat().length;
    expect(total).to.be.at.most(nested.length * 8);
  });

  it('keeps one set for many networks and a second one for those that hold them all', () => {
    const networks = Array.from({ length: 2000 }, (_, index) => [
      range(index * 256, index * 256 + 255),
      range(index, index + 1),
    ]);
    const around = Array.from({ length: 100 }, (_, index) => [
      range(0, 600_000),
      range(9000 + index * 2, 9000 + index * 2),
    ]);
    const mixed = networks.flatMap((one, index) => [one, ...around.slice(index, index + 1)]);
    expect(disjoint(mixed, ample())).to.have.length(2);
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
