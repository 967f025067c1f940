import { expect } from 'chai';
import * as constants from '../../../../../agent/enforce/wfp/constants.js';
import { FIELDS, guid, LAYERS, SUBLAYER_UNIVERSAL } from '../../../../../agent/enforce/wfp/guids.js';
import { guidOf, toRawGuid } from '../../../../../agent/enforce/wfp/guid-memory.js';
import { throughMemory } from './through-memory.js';
import {
  CONSTANTS_AGAIN,
  FIELDS_AGAIN,
  LAYERS_AGAIN,
  SUBLAYER_UNIVERSAL_AGAIN,
  type DecimalGuid,
} from './second-source.js';

/** By arithmetic, not by the code under test. */
function asText([data1, data2, data3, ...data4]: DecimalGuid): string {
  const bytes = data4.map((byte) => byte.toString(16).padStart(2, '0')).join('');
  const number = [
    data1.toString(16).padStart(8, '0'),
    data2.toString(16).padStart(4, '0'),
    data3.toString(16).padStart(4, '0'),
  ];
  return [...number, bytes.slice(0, 4), bytes.slice(4)].join('-');
}

function asTexts(table: Readonly<Record<string, DecimalGuid>>): Record<string, string> {
  return Object.fromEntries(Object.entries(table).map(([name, decimal]) => [name, asText(decimal)]));
}

describe('GUIDs of WFP', () => {
  it('of layers are those of the second source', () => {
    expect(LAYERS).to.deep.equal(asTexts(LAYERS_AGAIN));
  });

  it('of fields are those of the second source', () => {
    expect(FIELDS).to.deep.equal(asTexts(FIELDS_AGAIN));
  });

  it('of the universal sublayer is that of the second source', () => {
    expect(SUBLAYER_UNIVERSAL).to.equal(asText(SUBLAYER_UNIVERSAL_AGAIN));
  });

  it('do not occur twice', () => {
    const all = [...Object.values(LAYERS), ...Object.values(FIELDS), SUBLAYER_UNIVERSAL];
    expect(new Set(all).size).to.equal(all.length);
  });

  it('lie in memory with three numbers of the processor and eight bytes as written', async () => {
    const text = guid('00112233-4455-6677-8899-aabbccddeeff');
    const bytes = await throughMemory('GUID', toRawGuid(text), ({ koffi }, address) =>
      Buffer.from(koffi.decode(address, 'uint8_t', 16) as Uint8Array).toString('hex'),
    );
    expect(bytes).to.equal('33221100554477668899aabbccddeeff');
    expect(guidOf(Buffer.from(`ffff${bytes}`, 'hex'), 2)).to.equal(text);
  });
});

describe('constants of WFP', () => {
  it('that the headers of mingw-w64 lack are those of the second source', () => {
    const groups = Object.values(constants).filter((group) => typeof group === 'object');
    const all = Object.assign({}, ...groups) as Record<string, number>;
    // Those of the headers are compared by the compiler (test/windows/layout.test.ts).
    const lacking = Object.entries(all).filter(
      ([name]) => /^FWPM_(?!CHANGE_)/.test(name) || /^FWP_MATCH_(NOT_)?PREFIX$/.test(name),
    );
    expect(Object.fromEntries(lacking)).to.deep.equal(CONSTANTS_AGAIN);
  });
});
