import { expect } from 'chai';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../../../../shared/package-root.js';
import { DIFFERENCES } from '../../../../vectors/differences.js';

describe('docs/security.md', () => {
  it('lists the differences between the platforms that the tests know, with their reasons', () => {
    const page = readFileSync(join(packageRoot, 'docs/security.md'), 'utf8');
    const [, list = ''] = page.split('\n# Differences between the platforms\n');
    const listed = list
      .split('\n- ')
      .slice(1)
      .map((entry) => entry.replace(/\s+/g, ' ').trim());
    expect(listed).to.deep.equal(DIFFERENCES.map(({ title, reason }) => `**${title}**: ${reason}.`));
  });
});
