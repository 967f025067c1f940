import { expect } from 'chai';
import fc from 'fast-check';
import { decodeFilter, decodeProvider, decodeSublayer } from '../../../../../agent/enforce/wfp/decode.js';
import { decodeValue } from '../../../../../agent/enforce/wfp/decode-value.js';
import { encodeProvider, encodeSublayer, encodeUnchecked } from '../../../../../agent/enforce/wfp/encode.js';
import { encodeValue } from '../../../../../agent/enforce/wfp/encode-value.js';
import { StructBytes } from '../../../../../agent/enforce/wfp/struct-bytes.js';
import type { Value } from '../../../../../agent/enforce/wfp/types.js';
import { throughMemory } from './through-memory.js';
import { anyFilter, anyGuid, filter, text, VALUES } from './values.js';

describe('WFP objects through memory', () => {
  const there = (value: Value) =>
    throughMemory('FWP_CONDITION_VALUE0', encodeValue(value, 'test'), (memory, address) =>
      decodeValue(memory, StructBytes.read(memory, 'FWP_CONDITION_VALUE0', address)),
    );

  for (const [type, values] of Object.entries(VALUES)) {
    it(`brings every value of type ${type} back as it was`, async () => {
      await fc.assert(
        fc.asyncProperty(values, async (value) => {
          expect(await there(value)).to.deep.equal(value);
        }),
        { numRuns: 200 },
      );
    });
  }

  it('brings any filter back as it was', async () => {
    await fc.assert(
      fc.asyncProperty(anyFilter, async (filter) => {
        const found = await throughMemory('FWPM_FILTER0', encodeUnchecked(filter), decodeFilter);
        expect(found.filter).to.deep.equal(filter);
        expect(found).to.include({ key: filter.key, name: filter.name, provider: filter.provider, id: 0n });
        expect(found.effectiveWeight).to.equal(undefined);
      }),
      { numRuns: 300 },
    );
  });

  it('reads a filter that BFE keeps and does not use, as it may boot-time ones, like any other', async () => {
    const raw = encodeUnchecked(filter({ lifetime: 'boot-time' }));
    const disabled = { ...raw, flags: Number(raw['flags']) | 0x20 };
    const found = await throughMemory('FWPM_FILTER0', disabled, decodeFilter);
    expect(found.filter).to.deep.equal(filter({ lifetime: 'boot-time' }));
    expect(found.flags & 0x20).to.equal(0x20);
  });

  it('brings any provider and any sublayer back as it was', async () => {
    const lifetime = fc.constantFrom('static' as const, 'persistent' as const);
    const data = fc.uint8Array({ maxLength: 50 }).map((bytes) => Buffer.from(bytes));
    const name = text.filter((name) => name !== '');
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          key: anyGuid,
          name,
          description: text,
          lifetime,
          data,
          serviceName: fc.option(text, { nil: undefined }),
        }),
        fc.record({
          key: anyGuid,
          name,
          description: text,
          lifetime,
          data,
          provider: fc.option(anyGuid, { nil: undefined }),
          weight: fc.integer({ min: 0, max: 65_535 }),
        }),
        async (provider, sublayer) => {
          expect(
            await throughMemory('FWPM_PROVIDER0', encodeProvider(provider), decodeProvider),
          ).to.deep.equal(provider);
          expect(
            await throughMemory('FWPM_SUBLAYER0', encodeSublayer(sublayer), decodeSublayer),
          ).to.deep.equal(sublayer);
        },
      ),
      { numRuns: 100 },
    );
  });

  for (const [title, change] of [
    [
      'a callout as its action',
      { action: { type: 0x5003, filterType: { Data1: 1, Data2: 0, Data3: 0, Data4: [] } } },
    ],
    ['a flag that has no word', { flags: 0x10 }],
    ['a flag that is not known', { flags: 0x100 }],
    ['both lifetimes', { flags: 3 }],
    ['a layer that is not known', { layerKey: { Data1: 1, Data2: 2, Data3: 3, Data4: Buffer.alloc(8) } }],
    ['a weight of another type', { weight: { type: 2, value: { uint16: 3 } } }],
    ['conditions that are not there', { numFilterConditions: 2 }],
    [
      'a field that is not known',
      {
        numFilterConditions: 1,
        filterCondition: [
          {
            fieldKey: { Data1: 1, Data2: 2, Data3: 3, Data4: Buffer.alloc(8) },
            matchType: 0,
            conditionValue: { type: 1, value: { uint8: 6 } },
          },
        ],
      },
    ],
  ] as const) {
    it(`does not put ${title} into words, and says what can be said`, async () => {
      const found = await throughMemory(
        'FWPM_FILTER0',
        { ...encodeUnchecked(filter()), ...change },
        decodeFilter,
      );
      expect(found.filter).to.equal(undefined);
      expect(found.name).to.equal('Example');
    });
  }
});
