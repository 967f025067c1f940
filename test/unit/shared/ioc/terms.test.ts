import { expect } from 'chai';
import { ITEM_TYPES } from '../../../../shared/ioc/model.js';
import { itemTypeOf, lookUpTerm, TERMS } from '../../../../shared/ioc/terms.js';

describe('the catalogue of terms', () => {
  it('finds a term in any case and gives it in one', () => {
    expect(lookUpTerm('FILEITEM/md5SUM')).to.deep.equal({
      term: 'FileItem/Md5sum',
      itemType: 'FileItem',
      kind: 'md5',
    });
    expect(lookUpTerm('FileItem/Md5')).to.equal(undefined);
    expect(lookUpTerm('constructor')).to.equal(undefined);
  });

  it('has each term once, below the name of its kind of items', () => {
    const spellings = TERMS.map(({ term }) => term.toLowerCase());
    expect(new Set(spellings).size).to.equal(spellings.length);
    for (const { term, itemType } of TERMS) expect(term.startsWith(`${itemType}/`), term).to.equal(true);
    expect(new Set(TERMS.map(({ itemType }) => itemType))).to.deep.equal(new Set(ITEM_TYPES));
  });

  it('tells the kind of items of a term that it does not have', () => {
    expect(itemTypeOf('fileitem/StringList/string')).to.equal('FileItem');
    expect(itemTypeOf('Email/From')).to.equal(undefined);
  });
});
