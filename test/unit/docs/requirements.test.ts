import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { packageRoot } from '../../../shared/package-root.js';

interface Row {
  readonly number: number;
  /** Where the test stands, and its title. */
  readonly shownBy: readonly { readonly file: string; readonly title: string }[];
}

/** Rows `| number | behaviour | tests |`; a test is "`file`: title", several are divided by `<br>`. */
function rowsOf(page: string): Row[] {
  return [...page.matchAll(/^\| (\d+) \|.*$/gm)].map(([line, number]) => ({
    number: Number(number),
    shownBy: [...line.matchAll(/`(test\/[^`]+\.(?:test|wine)\.ts)`: ([^<|]+)/g)].map(
      ([, file = '', title = '']) => ({
        file,
        title: title.trim(),
      }),
    ),
  }));
}

describe('the page of what the product promises', () => {
  const rows = rowsOf(readFileSync(join(packageRoot, 'docs/requirements.md'), 'utf8'));

  it('numbers its rows without a gap', () => {
    expect(rows.length).to.be.greaterThan(30);
    expect(rows.map(({ number }) => number)).to.deep.equal(rows.map((_, index) => index + 1));
  });

  for (const { number, shownBy } of rows) {
    it(`names tests that exist for row ${number}`, () => {
      expect(shownBy, 'tests').not.to.have.length(0);
      for (const { file, title } of shownBy) {
        expect(readFileSync(join(packageRoot, file), 'utf8'), file).to.include(title);
      }
    });
  }
});
