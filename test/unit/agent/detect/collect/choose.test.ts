import { expect } from 'chai';
import { collectorsFor } from '../../../../../agent/detect/collect/choose.js';
import { PE_TERMS } from '../../../../../agent/detect/pe/read-pe.js';
import { ITEM_TYPES } from '../../../../../shared/ioc/model.js';
import { lookUpTerm } from '../../../../../shared/ioc/terms.js';

describe('choosing collectors', () => {
  for (const platform of ['linux', 'win32'] as const) {
    it(`gives ${platform} one for each kind of items but files, or a reason why not`, () => {
      const types = collectorsFor(platform).map(({ type }) => type);
      expect([...types].sort()).to.deep.equal(ITEM_TYPES.filter((type) => type !== 'FileItem').sort());
      for (const entry of collectorsFor(platform)) {
        if ('unavailable' in entry) expect(entry.unavailable, entry.type).to.match(/^.{10,}[^.]$/);
        else expect(entry.terms.size, entry.type).to.be.above(0);
      }
    });

    it(`gives ${platform} only terms of the catalogue, spelled as there`, () => {
      for (const entry of collectorsFor(platform)) {
        if ('unavailable' in entry) continue;
        for (const term of entry.terms) {
          expect(lookUpTerm(term)).to.deep.include({ term, itemType: entry.type });
        }
      }
    });
  }

  it('gives other platforms none', () => {
    expect(collectorsFor('darwin')).to.deep.equal([]);
  });

  it('goes with a reader of programs that knows only terms of the catalogue, spelled as there', () => {
    for (const term of PE_TERMS) expect(lookUpTerm(term)).to.deep.include({ term, itemType: 'FileItem' });
  });
});
