import fc from 'fast-check';
import { guid, FIELDS, type Guid } from '../../../../../agent/enforce/wfp/guids.js';
import type { Field } from '../../../../../agent/enforce/wfp/guids.js';
import type { Condition, Filter, Value } from '../../../../../agent/enforce/wfp/types.js';

/** Plain data of every kind, for tests that send it through memory. */

const bytes = (min: number, max = min) =>
  fc.uint8Array({ minLength: min, maxLength: max }).map((array) => Buffer.from(array));

/** Any text that a zero does not end, astral and lone surrogates included. */
export const text = fc.string({ unit: 'binary', maxLength: 40 }).map((chars) => chars.replaceAll('\0', '·'));

export const anyGuid: fc.Arbitrary<Guid> = bytes(16)
  .filter((raw) => raw.some((byte) => byte !== 0))
  .map((raw) => {
    const hex = raw.toString('hex');
    return guid(
      [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-'),
    );
  });

const number = (type: 'uint8' | 'uint16' | 'uint32' | 'int8' | 'int16' | 'int32', min: number, max: number) =>
  fc.integer({ min, max }).map((value): Value => ({ type, value }));

const uint64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map((value): Value => ({ type: 'uint64', value }));
const array16 = bytes(16).map((value): Value => ({ type: 'byte-array16', value }));

const ORDERED = {
  uint8: number('uint8', 0, 255),
  uint16: number('uint16', 0, 65_535),
  uint32: number('uint32', 0, 0xffff_ffff),
  uint64,
  int8: number('int8', -128, 127),
  int16: number('int16', -32_768, 32_767),
  int32: number('int32', -0x8000_0000, 0x7fff_ffff),
  int64: fc
    .bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })
    .map((value): Value => ({ type: 'int64', value })),
  float: fc.float({ noNaN: true, noDefaultInfinity: true }).map((value): Value => ({ type: 'float', value })),
  double: fc
    .double({ noNaN: true, noDefaultInfinity: true })
    .map((value): Value => ({ type: 'double', value })),
  'byte-array16': array16,
};

function key(value: Value): bigint | number {
  if (!('value' in value)) return 0;
  if (Buffer.isBuffer(value.value)) return BigInt(`0x${value.value.toString('hex')}`);
  return typeof value.value === 'string' ? 0 : value.value;
}

const range = fc
  .oneof(...Object.values(ORDERED).map((value) => fc.tuple(value, value)))
  .map(([one, other]): Value => {
    const [low, high] = key(one) <= key(other) ? [one, other] : [other, one];
    return { type: 'range', low, high };
  });

export const sid = fc
  .integer({ min: 0, max: 15 })
  .chain((count) => bytes(6 + 4 * count).map((rest) => Buffer.concat([Buffer.from([1, count]), rest])));

/** A self-relative descriptor without owner and lists, and what it might carry behind. */
export const descriptor = bytes(0, 60).map((rest) =>
  Buffer.concat([Buffer.from([1, 0, 0, 0x80]), Buffer.alloc(16), rest]),
);

export const VALUES: Readonly<Record<Value['type'], fc.Arbitrary<Value>>> = {
  ...ORDERED,
  empty: fc.constant<Value>({ type: 'empty' }),
  'byte-array6': bytes(6).map((value): Value => ({ type: 'byte-array6', value })),
  'byte-blob': bytes(1, 300).map((value): Value => ({ type: 'byte-blob', value })),
  sid: sid.map((value): Value => ({ type: 'sid', value })),
  'security-descriptor': descriptor.map((value): Value => ({ type: 'security-descriptor', value })),
  'unicode-string': text.map((value): Value => ({ type: 'unicode-string', value })),
  'v4-mask': fc
    .tuple(fc.integer({ min: 0, max: 0xffff_ffff }), fc.integer({ min: 0, max: 32 }))
    .map(([address, prefix]): Value => ({
      type: 'v4-mask',
      address,
      mask: prefix === 0 ? 0 : 0xffff_ffff - (2 ** (32 - prefix) - 1),
    })),
  'v6-prefix': fc
    .tuple(bytes(16), fc.integer({ min: 0, max: 128 }))
    .map(([address, prefix]): Value => ({ type: 'v6-prefix', address, prefix })),
  range,
};

export const anyValue = fc.oneof(...Object.values(VALUES));

/** Any filter whose parts are in range, whether or not the layer has the fields. */
export const anyFilter: fc.Arbitrary<Filter> = fc.record({
  key: anyGuid,
  name: text.filter((name) => name !== ''),
  description: text,
  provider: fc.option(anyGuid, { nil: undefined }),
  sublayer: anyGuid,
  layer: fc.constantFrom('ALE_AUTH_CONNECT_V4', 'ALE_AUTH_RECV_ACCEPT_V6', 'IPFORWARD_V6'),
  lifetime: fc.constantFrom('static', 'persistent', 'boot-time'),
  weight: fc.oneof(
    fc.constant({ kind: 'auto' } as const),
    fc.integer({ min: 0, max: 15 }).map((value) => ({ kind: 'class', value }) as const),
    fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map((value) => ({ kind: 'exact', value }) as const),
  ),
  conditions: fc.array(
    fc.record({
      field: fc.constantFrom(...(Object.keys(FIELDS) as Field[])),
      match: fc.constantFrom('equal', 'range', 'flags-all-set', 'not-equal', 'not-prefix'),
      value: anyValue,
    }),
    { maxLength: 6 },
  ),
  action: fc.constantFrom('permit', 'block'),
  hard: fc.boolean(),
  data: bytes(0, 100),
});

/** A filter that BFE would take. */
export function filter(more: Partial<Filter> = {}): Filter {
  return {
    key: guid('11111111-2222-4333-8444-555555555555'),
    name: 'Example',
    description: '',
    provider: undefined,
    sublayer: guid('99999999-2222-4333-8444-555555555555'),
    layer: 'ALE_AUTH_CONNECT_V4',
    lifetime: 'persistent',
    weight: { kind: 'class', value: 11 },
    conditions: [],
    action: 'permit',
    hard: false,
    data: Buffer.alloc(0),
    ...more,
  };
}

const TYPES: Readonly<
  Record<Exclude<Field, 'L2_FLAGS'>, readonly [v4: fc.Arbitrary<Value>, v6: fc.Arbitrary<Value>]>
> = {
  ALE_APP_ID: both(VALUES['byte-blob']),
  ALE_USER_ID: both(VALUES['security-descriptor']),
  ALE_PACKAGE_ID: both(VALUES.sid),
  IP_PROTOCOL: both(fc.oneof(VALUES.uint8, rangeOf(VALUES.uint8))),
  IP_LOCAL_ADDRESS: addresses(),
  IP_REMOTE_ADDRESS: addresses(),
  IP_LOCAL_PORT: both(fc.oneof(VALUES.uint16, rangeOf(VALUES.uint16))),
  IP_REMOTE_PORT: both(fc.oneof(VALUES.uint16, rangeOf(VALUES.uint16))),
  FLAGS: both(VALUES.uint32),
  IP_LOCAL_INTERFACE: both(fc.oneof(VALUES.uint64, rangeOf(VALUES.uint64))),
  INTERFACE_TYPE: both(VALUES.uint32),
};

function both(value: fc.Arbitrary<Value>): readonly [fc.Arbitrary<Value>, fc.Arbitrary<Value>] {
  return [value, value];
}

function addresses(): readonly [fc.Arbitrary<Value>, fc.Arbitrary<Value>] {
  return [
    fc.oneof(VALUES.uint32, VALUES['v4-mask'], rangeOf(VALUES.uint32)),
    fc.oneof(VALUES['byte-array16'], VALUES['v6-prefix'], rangeOf(VALUES['byte-array16'])),
  ];
}

function rangeOf(value: fc.Arbitrary<Value>): fc.Arbitrary<Value> {
  return fc.tuple(value, value).map(([one, other]): Value => {
    const [low, high] = key(one) <= key(other) ? [one, other] : [other, one];
    return { type: 'range', low, high };
  });
}

function matchOf(field: Field, { type }: Value): fc.Arbitrary<Condition['match']> {
  if (type === 'range') return fc.constant('range');
  if (type === 'sid' || type === 'security-descriptor') return fc.constant('equal');
  if (field === 'FLAGS') return fc.constantFrom('flags-all-set', 'flags-any-set', 'flags-none-set');
  if (type === 'uint16') return fc.constantFrom('equal', 'not-equal', 'greater', 'less-or-equal');
  return fc.constantFrom('equal', 'not-equal');
}

/** Up to three alternatives on one field. */
function alternatives(field: Exclude<Field, 'L2_FLAGS'>, family: 4 | 6): fc.Arbitrary<Condition[]> {
  const value = TYPES[field][family === 4 ? 0 : 1];
  const condition = value.chain((value) =>
    matchOf(field, value).map((match): Condition => ({ field, match, value })),
  );
  return fc.array(condition, { minLength: 1, maxLength: 3 });
}

const FIELDS_OF_A_FLOW = Object.keys(TYPES) as (keyof typeof TYPES)[];

/** Filters at the layers of connections that BFE takes, with every type that a field there has. */
export function goodFilter(provider: Guid | undefined, sublayer: Guid): fc.Arbitrary<Filter> {
  const layer = fc.constantFrom(
    'ALE_AUTH_CONNECT_V4',
    'ALE_AUTH_CONNECT_V6',
    'ALE_AUTH_RECV_ACCEPT_V4',
    'ALE_AUTH_RECV_ACCEPT_V6',
  );
  return fc.tuple(anyFilter, layer, fc.subarray(FIELDS_OF_A_FLOW)).chain(([filter, layer, fields]) =>
    fc
      .tuple(...fields.map((field) => alternatives(field, layer.endsWith('4') ? 4 : 6)))
      .map((conditions): Filter => ({
        ...filter,
        layer,
        provider,
        sublayer,
        conditions: conditions.flat(),
      })),
  );
}
