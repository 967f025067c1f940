import { expect } from 'chai';
import { canonical } from '../../../../../agent/enforce/wfp/canonical.js';
import {
  addressIn,
  portIn,
  programIs,
  protocolIs,
  TCP,
} from '../../../../../agent/enforce/wfp/conditions.js';
import { PROVIDER } from '../../../../../agent/enforce/wfp/own-objects.js';
import { blockAll } from '../../../../../agent/enforce/wfp/system-filters.js';
import type { Condition, Filter } from '../../../../../agent/enforce/wfp/types.js';

describe('the canonical text of a filter', () => {
  const [base] = blockAll('persistent', 'a plan');
  if (!base) throw new Error('nothing blocks');
  const text = (...conditions: Condition[]): string => canonical({ ...base, conditions });
  const at = (first: bigint, last = first): Condition => addressIn('IP_REMOTE_ADDRESS', { first, last }, 4);
  const ranged = (low: number, high: number): Condition => ({
    field: 'IP_REMOTE_ADDRESS',
    match: 'range',
    value: { type: 'range', low: { type: 'uint32', value: low }, high: { type: 'uint32', value: high } },
  });

  it('does not depend on how conditions are written', () => {
    const tcp = protocolIs(TCP);
    const https = portIn('IP_REMOTE_PORT', { first: 443n, last: 443n });
    expect(text(tcp, https)).to.equal(text(https, tcp));
    expect(text(at(0x0a000000n, 0x0affffffn))).to.equal(text(ranged(0x0a000000, 0x0affffff)));
    expect(text(at(7n))).to.equal(text(ranged(7, 7)));
    expect(text(at(7n), at(9n))).to.equal(text(at(9n), at(7n)));
    expect(text(at(6n), at(7n))).to.equal(text(ranged(6, 7)));
    const host: Condition = {
      field: 'IP_REMOTE_ADDRESS',
      match: 'equal',
      value: { type: 'v4-mask', address: 7, mask: 0xffffffff },
    };
    expect(text(host)).to.equal(text(at(7n)));
  });

  it('tells apart what decides differently', () => {
    const all = [
      text(),
      text(at(7n)),
      text(at(8n)),
      text(ranged(7, 8)),
      text(addressIn('IP_LOCAL_ADDRESS', { first: 7n, last: 7n }, 4)),
      text({ field: 'IP_REMOTE_ADDRESS', match: 'not-equal', value: { type: 'uint32', value: 7 } }),
      // With something between them they are no alternatives.
      text(at(7n), protocolIs(TCP), at(8n)),
      text(at(7n), at(8n), protocolIs(TCP)),
      text(programIs(Buffer.from('a'))),
      text(programIs(Buffer.from('b'))),
      canonical({ ...base, action: 'permit' }),
      canonical({ ...base, hard: false }),
      canonical({ ...base, lifetime: 'boot-time' }),
      canonical({ ...base, layer: 'ALE_AUTH_CONNECT_V6' }),
      canonical({ ...base, weight: { kind: 'class', value: 1 } }),
      canonical({ ...base, data: Buffer.from('other') }),
      canonical({ ...base, provider: undefined }),
    ];
    expect(new Set(all).size).to.equal(all.length);
  });

  it('leaves names and keys out', () => {
    const renamed: Filter = { ...base, name: 'x', description: 'y', key: PROVIDER.key };
    expect(canonical(renamed)).to.equal(canonical(base));
  });
});
