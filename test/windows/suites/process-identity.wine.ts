import { expect } from 'chai';
import { sidText } from '../../../agent/windows/sid.js';
import { processSid } from '../../../agent/windows/process-identity.js';

describe('the identity of a process', () => {
  it('is the SID of its user where it is no service', async () => {
    const sid = await processSid();
    // Under Wine: the user of a domain that has no numbers, the one that Wine makes for everybody.
    expect(sidText(sid)).to.match(/^S-1-5-21-\d+-\d+-\d+-1000$/);
  });

  it('stays the same however often it is asked for', async () => {
    const first = await processSid();
    for (let time = 0; time < 200; time++) expect((await processSid()).equals(first)).to.equal(true);
  });
});
