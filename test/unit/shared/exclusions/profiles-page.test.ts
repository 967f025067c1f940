import { expect } from 'chai';
import { readFileSync } from 'node:fs';
import { PAGE, profilesPage } from './profiles-page.js';

describe('docs/profiles.md', () => {
  it('shows the standard profiles as they are', () => {
    const advice = 'run: node dist/test/unit/shared/exclusions/profiles-page.js';
    expect(readFileSync(PAGE, 'utf8') === profilesPage(), advice).to.equal(true);
  });
});
