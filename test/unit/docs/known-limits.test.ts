import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { packageRoot } from '../../../shared/package-root.js';
import { ALL_CHECKS } from '../../../agent/self-test/all.js';

const HEADING = '### What could not be verified without real Windows';

/** Items of the list below the heading, each on one line. */
function unverified(page: string): string[] {
  const [, after = ''] = page.split(`${HEADING}\n`);
  const [section = ''] = after.split(/^#/m);
  return section.split('\n').filter((text) => text.startsWith('- '));
}

describe('the page of known limits', () => {
  const items = unverified(readFileSync(join(packageRoot, 'docs/known-limits.md'), 'utf8'));
  const checks = new Set(ALL_CHECKS.filter(({ platform }) => platform === 'win32').map(({ name }) => name));

  it('lists what nobody has seen on Windows', () => {
    expect(items).to.have.length.greaterThan(15);
  });

  for (const item of items) {
    it(`ends with a command that exists: ${item.slice(2, 60)}`, () => {
      const command = /`([^`]+)`$/.exec(item)?.[1];
      expect(command, 'a command at the end of the line').not.to.equal(undefined);
      const [program, verb, ...names] = (command ?? '').split(' ');
      if (program !== 'cordon-agent' || verb !== 'self-test') return;
      expect(names).to.have.length.greaterThan(0);
      for (const name of names) expect([...checks]).to.include(name);
    });
  }
});
