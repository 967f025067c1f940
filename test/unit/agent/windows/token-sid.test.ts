import { expect } from 'chai';
import { sidBytes, sidText } from '../../../../agent/windows/token-sid.js';

describe('a security identifier', () => {
  it('is the same as bytes and as text', () => {
    for (const [text, hex] of [
      ['S-1-5-18', '010100000000000512000000'],
      ['S-1-5-32-544', '01020000000000052000000020020000'],
      ['S-1-5-21-4294967295-0-1-1000', '010500000000000515000000ffffffff0000000001000000e8030000'],
      ['S-1-16-12288', '010100000000001000300000'],
    ] as const) {
      expect(sidBytes(text).toString('hex')).to.equal(hex);
      expect(sidText(Buffer.from(`${hex}ffff`, 'hex'))).to.equal(text);
    }
  });

  it('is refused where it is none: another revision, too many parts, too short, another text', () => {
    for (const hex of ['', '02010000000000051200000', '010200000000000512000000', '01100000000000051200'])
      expect(() => sidText(Buffer.from(hex, 'hex')), hex).to.throw('that is none');
    for (const text of ['', 'S-1', 'S-2-5-18', 'S-1-5-x', 'Administrators', 'S-1-5-4294967296'])
      expect(() => sidBytes(text), text).to.throw();
  });
});
