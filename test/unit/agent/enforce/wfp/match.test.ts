import { expect } from 'chai';
import { matchesAll, matchesOne, type FieldValue } from '../../../../../agent/enforce/wfp/match.js';
import { protocolIs, tokenHas } from '../../../../../agent/enforce/wfp/conditions.js';
import { parseSid } from '../../../../../agent/windows/sid.js';
import type { Condition, Match, Value } from '../../../../../agent/enforce/wfp/types.js';

const u8 = (value: number): Value => ({ type: 'uint8', value });
const u16 = (value: number): Value => ({ type: 'uint16', value });
const u32 = (value: number): Value => ({ type: 'uint32', value });
const u64 = (value: bigint): Value => ({ type: 'uint64', value });
const text = (value: string): Value => ({ type: 'unicode-string', value });
const blob = (value: string): Value => ({ type: 'byte-blob', value: Buffer.from(value) });
const v6 = (hex: string): Value => ({ type: 'byte-array16', value: Buffer.from(hex.padEnd(32, '0'), 'hex') });
const range = (low: Value, high: Value): Value => ({ type: 'range', low, high });
const mask = (address: number, bits: number): Value => ({ type: 'v4-mask', address, mask: bits });
const prefix = (hex: string, bits: number): Value => ({
  type: 'v6-prefix',
  address: Buffer.from(hex.padEnd(32, '0'), 'hex'),
  prefix: bits,
});
const sid = parseSid('S-1-5-21-1-2-3-1001');
const token: FieldValue = { type: 'token', sids: [parseSid('S-1-1-0'), sid] };
const TEN = 0x0a000000;

describe('a condition', () => {
  for (const [match, value, yes, no] of [
    ['equal', u8(6), u8(6), u8(17)],
    ['equal', u64(7n), u64(7n), u64(8n)],
    ['equal', v6('20010db8'), v6('20010db8'), v6('20010db9')],
    ['equal', blob('a'), blob('a'), blob('ab')],
    ['equal', text('a'), text('a'), text('A')],
    [
      'equal',
      { type: 'double', value: 0.5 },
      { type: 'double', value: 0.5 },
      { type: 'double', value: 0.25 },
    ],
    ['equal', { type: 'int16', value: -2 }, { type: 'int16', value: -2 }, { type: 'int16', value: 2 }],
    ['equal', mask(TEN, 0xff000000), u32(TEN + 5), u32(TEN + 0x01000000)],
    ['equal', mask(0xc0000200, 0xffffff00), u32(0xc00002ff), u32(0xc0000300)],
    ['equal', mask(5, 0x0000000f), u32(0xffffff05), u32(0xffffff06)],
    ['equal', prefix('20010db8', 32), v6('20010db8ff'), v6('20010db9')],
    ['equal', prefix('', 0), v6('ff'), u32(1)],
    ['equal', { type: 'sid', value: sid }, token, { type: 'token', sids: [] }],
    ['equal', tokenHas(sid).value, token, { type: 'token', sids: [parseSid('S-1-1-0')] }],
    ['not-equal', u16(53), u16(54), u16(53)],
    ['not-equal', mask(TEN, 0xff000000), u32(1), u32(TEN + 1)],
    ['greater', u16(53), u16(54), u16(53)],
    ['less', u16(53), u16(52), u16(53)],
    ['greater-or-equal', u16(53), u16(53), u16(52)],
    ['less-or-equal', u16(53), u16(53), u16(54)],
    ['range', range(u16(53), u16(55)), u16(55), u16(56)],
    ['range', range(u16(53), u16(55)), u16(53), u16(52)],
    ['range', range(v6('20'), v6('21')), v6('20ff'), v6('2101')],
    ['flags-all-set', u32(5), u32(7), u32(4)],
    ['flags-any-set', u32(5), u32(4), u32(2)],
    ['flags-none-set', u32(5), u32(2), u32(4)],
    ['equal-case-insensitive', text('Ab'), text('aB'), text('b')],
    ['prefix', text('ab'), text('abc'), text('ac')],
    ['prefix', blob('ab'), blob('abc'), blob('a')],
    ['not-prefix', text('ab'), text('ac'), text('abc')],
    // What WFP would refuse matches nothing.
    ['equal', u16(6), u16(6), u8(6)],
    ['not-equal', u16(6), u16(7), u8(7)],
    ['range', range(u16(1), u16(9)), u16(5), u32(5)],
    ['flags-all-set', u32(1), u32(1), { type: 'uint8', value: 1 }],
  ] satisfies [Match, Value, FieldValue, FieldValue][]) {
    it(`${match} ${value.type} matches ${shown(yes)} and not ${shown(no)}`, () => {
      const condition: Condition = { field: 'IP_REMOTE_PORT', match, value };
      expect(matchesOne(condition, yes)).to.equal(true);
      expect(matchesOne(condition, no)).to.equal(false);
    });
  }

  it('on a field that is not known holds if it asks for equality, and not otherwise', () => {
    const of = (match: Match, value: Value): boolean =>
      matchesOne({ field: 'IP_REMOTE_PORT', match, value }, { type: 'empty' });
    expect(of('equal', u16(53))).to.equal(true);
    for (const match of ['not-equal', 'greater', 'less', 'flags-none-set', 'not-prefix'] as const) {
      expect(of(match, u16(53)), match).to.equal(false);
    }
    expect(of('range', range(u16(1), u16(9)))).to.equal(false);
  });

  it('is an alternative to its neighbour on the same field, and joins the others', () => {
    const fields = new Map<Condition['field'], FieldValue>([
      ['IP_PROTOCOL', { type: 'uint8', value: 17 }],
      ['IP_REMOTE_PORT', { type: 'uint16', value: 53 }],
    ]);
    const remote = (value: number): Condition => ({
      field: 'IP_REMOTE_PORT',
      match: 'equal',
      value: u16(value),
    });
    expect(matchesAll([], fields)).to.equal(true);
    expect(matchesAll([protocolIs(6), protocolIs(17)], fields)).to.equal(true);
    expect(matchesAll([protocolIs(17), remote(54)], fields)).to.equal(false);
    expect(matchesAll([protocolIs(17), remote(54), remote(53)], fields)).to.equal(true);
    expect(matchesAll([remote(54), protocolIs(17), remote(53)], fields)).to.equal(false);
  });
});

function shown(value: FieldValue): string {
  return JSON.stringify(value, (_, part: unknown) => (typeof part === 'bigint' ? `${part}` : part)).slice(
    0,
    60,
  );
}
