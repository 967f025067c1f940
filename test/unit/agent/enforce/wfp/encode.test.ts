import { expect } from 'chai';
import fc from 'fast-check';
import { encodeFilter, encodeProvider, encodeSublayer } from '../../../../../agent/enforce/wfp/encode.js';
import { encodeValue } from '../../../../../agent/enforce/wfp/encode-value.js';
import { guid } from '../../../../../agent/enforce/wfp/guids.js';
import type { Condition, Filter, Value } from '../../../../../agent/enforce/wfp/types.js';
import { filter } from './values.js';

const KEY = guid('11111111-2222-4333-8444-555555555555');
const TCP: Condition = { field: 'IP_PROTOCOL', match: 'equal', value: { type: 'uint8', value: 6 } };
const port = (value: number): Condition => ({
  field: 'IP_REMOTE_PORT',
  match: 'equal',
  value: { type: 'uint16', value },
});

describe('encoding for WFP', () => {
  const raw = (type: string, more: object): Value => ({ type, ...more }) as unknown as Value;

  for (const [type, values] of [
    ['uint8', [-1, 256, 1.5, Number.NaN]],
    ['uint16', [-1, 65_536]],
    ['uint32', [-1, 2 ** 32]],
    ['int8', [-129, 128]],
    ['int16', [-32_769, 32_768]],
    ['int32', [-(2 ** 31) - 1, 2 ** 31]],
    ['uint64', [-1n, 2n ** 64n, 1]],
    ['int64', [-(2n ** 63n) - 1n, 2n ** 63n]],
    ['float', [0.1, Infinity, Number.NaN]],
    ['double', [Infinity, Number.NaN]],
    ['byte-array16', [Buffer.alloc(15), Buffer.alloc(17)]],
    ['byte-array6', [Buffer.alloc(5), Buffer.alloc(7)]],
    ['byte-blob', [Buffer.alloc(0), Buffer.alloc(65_537)]],
    ['sid', [Buffer.from([1, 2, 0, 0, 0, 0, 0, 5, 1, 0, 0, 0]), Buffer.from([2, 0, 0, 0, 0, 0, 0, 5])]],
    ['security-descriptor', [Buffer.alloc(20), Buffer.from([1, 0, 0, 0x80])]],
    ['unicode-string', ['a\0b']],
  ] as const) {
    it(`refuses a ${type} that does not fit, and names the place`, () => {
      for (const value of values) {
        expect(() => encodeValue(raw(type, { value }), 'here')).to.throw(RangeError, /^here: /);
      }
    });
  }

  it('refuses masks with holes and prefixes beyond the address', () => {
    for (const mask of [0x00ff_ffff, 0xff00_ff00, 1, -1, 2 ** 32]) {
      expect(() => encodeValue({ type: 'v4-mask', address: 0, mask }, 'here')).to.throw(RangeError, /mask/);
    }
    for (const mask of [0, 0x8000_0000, 0xffff_ff00, 0xffff_ffff]) {
      expect(() => encodeValue({ type: 'v4-mask', address: 0, mask }, 'here')).not.to.throw();
    }
    for (const prefix of [-1, 129, 63.5]) {
      const value: Value = { type: 'v6-prefix', address: Buffer.alloc(16), prefix };
      expect(() => encodeValue(value, 'here')).to.throw(RangeError, /prefix/);
    }
  });

  it('refuses ranges that are upside down, of two types, or of what has no order', () => {
    const one: Value = { type: 'uint16', value: 1 };
    const two: Value = { type: 'uint16', value: 2 };
    const range = (low: Value, high: Value) => () => encodeValue({ type: 'range', low, high }, 'here');
    expect(range(two, one)).to.throw(RangeError, /above/);
    expect(range(one, one)).not.to.throw();
    expect(range(one, { type: 'uint8', value: 2 })).to.throw(RangeError, /two types/);
    expect(range({ type: 'empty' }, { type: 'empty' })).to.throw(RangeError, /no ranges/);
    const low: Value = { type: 'byte-array16', value: Buffer.alloc(16, 1) };
    const high: Value = { type: 'byte-array16', value: Buffer.alloc(16, 2) };
    expect(range(high, low)).to.throw(RangeError, /above/);
    expect(range(low, high)).not.to.throw();
    const large = (value: bigint): Value => ({ type: 'uint64', value });
    expect(range(large(2n ** 63n), large(1n))).to.throw(RangeError, /above/);
  });

  it('refuses every number outside of its type, whichever it is', () => {
    fc.assert(
      fc.property(fc.oneof(fc.integer({ max: -1 }), fc.integer({ min: 256 })), (value) => {
        expect(() => encodeValue({ type: 'uint8', value }, 'here')).to.throw(RangeError);
      }),
    );
  });

  const refused = (more: Partial<Filter>) => expect(() => encodeFilter(filter(more))).to;

  it('refuses a filter without a name, with a zero key or a key in another form', () => {
    refused({ name: '' }).throw(RangeError, /name/);
    refused({ name: 'a\0b' }).throw(RangeError, /value 0/);
    refused({ sublayer: guid('00000000-0000-0000-0000-000000000000') }).throw(RangeError, /sublayer/);
    refused({ key: 'C38D57D1-05A7-4C33-904F-7FBCEEE60E82' as Filter['key'] }).throw(RangeError, /GUID/);
  });

  it('refuses a weight out of its range', () => {
    refused({ weight: { kind: 'class', value: 16 } }).throw(RangeError, /weight.*16/);
    refused({ weight: { kind: 'exact', value: -1n } }).throw(RangeError, /weight/);
    refused({ weight: { kind: 'class', value: 15 } }).not.throw();
  });

  it('refuses data that is too long', () => {
    refused({ data: Buffer.alloc(65_537) }).throw(RangeError, /65537/);
  });

  it('refuses a field that the layer does not have, naming filter and condition', () => {
    refused({ name: 'DNS', layer: 'IPFORWARD_V4', conditions: [TCP] }).throw(
      RangeError,
      'filter "DNS": condition 1 (IP_PROTOCOL): the layer IPFORWARD_V4 has no such field',
    );
    refused({ layer: 'ALE_AUTH_LISTEN_V4', conditions: [port(1)] }).throw(RangeError, /no such field/);
    refused({ conditions: [TCP, port(53)] }).not.throw();
  });

  const with1 = (condition: Condition, layer: Filter['layer'] = 'ALE_AUTH_CONNECT_V4') =>
    refused({ layer, conditions: [condition] });

  it('refuses a value that does not fit the field or the family', () => {
    with1({ ...TCP, value: { type: 'uint16', value: 6 } }).throw(RangeError, /takes uint8, not uint16/);
    const v4: Condition = {
      field: 'IP_REMOTE_ADDRESS',
      match: 'equal',
      value: { type: 'v4-mask', address: 0x0a00_0000, mask: 0xff00_0000 },
    };
    with1(v4).not.throw();
    with1(v4, 'ALE_AUTH_CONNECT_V6').throw(RangeError, /byte-array16 or v6-prefix/);
    with1({ ...TCP, value: { type: 'empty' } }).throw(RangeError, /not empty/);
  });

  it('refuses a comparison that does not go with the value', () => {
    with1({ ...port(1), match: 'range' }).throw(RangeError, /"range" does not compare/);
    const low: Value = { type: 'uint16', value: 1 };
    with1({ ...port(1), value: { type: 'range', low, high: low } }).throw(
      RangeError,
      /"equal" does not compare/,
    );
    with1({ ...port(1), match: 'range', value: { type: 'range', low, high: low } }).not.throw();
    with1({ ...TCP, match: 'prefix' }).throw(RangeError, /"prefix"/);
    const package_: Condition = {
      field: 'ALE_PACKAGE_ID',
      match: 'not-equal',
      value: { type: 'sid', value: Buffer.from([1, 0, 0, 0, 0, 0, 0, 5]) },
    };
    with1(package_).throw(RangeError, /"not-equal" does not compare with a value of type sid/);
  });

  it('takes a range of addresses, but none of networks', () => {
    const address = (value: number): Value => ({ type: 'uint32', value });
    const network: Value = { type: 'v4-mask', address: 0, mask: 0 };
    const within = (low: Value): Condition => ({
      field: 'IP_REMOTE_ADDRESS',
      match: 'range',
      value: { type: 'range', low, high: low },
    });
    with1(within(address(1))).not.throw();
    with1(within(network)).throw(RangeError, /not v4-mask/);
  });

  it('refuses alternatives that do not stand together: they would all have to hold', () => {
    refused({ conditions: [port(53), TCP, port(54)] }).throw(RangeError, /condition 3.*one after the other/);
    refused({ conditions: [TCP, port(53), port(54)] }).not.throw();
  });

  it('refuses providers and sublayers in the same way', () => {
    const provider = {
      key: KEY,
      name: 'P',
      description: '',
      lifetime: 'persistent' as const,
      data: Buffer.alloc(0),
      serviceName: undefined,
    };
    expect(() => encodeProvider(provider)).not.to.throw();
    expect(() => encodeProvider({ ...provider, name: '' })).to.throw(RangeError, /name/);
    const sublayer = { ...provider, provider: KEY, weight: 65_535 };
    expect(() => encodeSublayer(sublayer)).not.to.throw();
    expect(() => encodeSublayer({ ...sublayer, weight: 65_536 })).to.throw(
      RangeError,
      /sublayer "P": weight/,
    );
  });
});
