import { expect } from 'chai';
import { formatBytes, parseBytes } from '../../../cli/size.js';

describe('a size in bytes', () => {
  for (const [text, bytes] of [
    ['65536', 65_536],
    ['0', 0],
    ['512B', 512],
    ['64k', 65_536],
    ['200MB', 209_715_200],
    ['200 MiB', 209_715_200],
    ['1.5GB', 1_610_612_736],
    ['1T', 1_099_511_627_776],
  ] as const) {
    it(`is ${bytes} where somebody types ${text}`, () => expect(parseBytes(text)).to.equal(bytes));
  }

  for (const text of ['', 'MB', '-1', '1,5GB', '1 2', '1XB', '99999999999999T', '0x10']) {
    it(`is none where somebody types "${text}"`, () => expect(parseBytes(text)).to.equal(undefined));
  }

  it('is shown with as many digits as tell enough', () => {
    const shown = [0, 1023, 1024, 1536, 209_715_200, 5_000_000n, 2n ** 60n].map(formatBytes);
    expect(shown).to.deep.equal(['0 B', '1023 B', '1 KiB', '1.5 KiB', '200 MiB', '4.8 MiB', '1048576 TiB']);
  });
});
