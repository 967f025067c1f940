import { expect } from 'chai';
import {
  isReleased,
  parseListing,
  structuralDifference,
} from '../../../../../agent/enforce/nftables/listing.js';

const LISTING = `table inet cordon {
\tcomment "plan=abc123"
\tset hold {
\t\ttype nf_proto
\t\tflags timeout
\t\telements = { 2 timeout 8h expires 7h59m58s500ms, 10 timeout 8h expires 7h59m59s }
\t}

\tset ports {
\t\ttype inet_service
\t\tflags interval
\t\telements = { 53, 80-90,
\t\t\t     443 }
\t}

\tchain verdict_in {
\t\tiif "lo" accept
\t\tdrop
\t}

\tchain input {
\t\ttype filter hook input priority -10; policy accept;
\t\tmeta nfproto @hold jump verdict_in
\t}

\tchain output {
\t\ttype filter hook output priority -10; policy accept;
\t\tmeta nfproto @hold jump verdict_in
\t}
}
`;
const COUNTS = new Map([
  ['set hold', 2],
  ['set ports', 3],
  ['chain verdict_in', 2],
  ['chain input', 1],
  ['chain output', 1],
]);

describe('reading our table back', () => {
  it('finds plan, time left and the number of everything', () => {
    const { planId, holdsForMs, counts } = parseListing(LISTING);
    expect(planId).to.equal('abc123');
    expect(holdsForMs).to.equal(7 * 3_600_000 + 59 * 60_000 + 58_500);
    expect(counts).to.deep.equal(COUNTS);
  });

  it('gives the same hash at another time and with another deadline', () => {
    const { rulesHash } = parseListing(LISTING);
    const later = LISTING.replaceAll(/ timeout 8h expires \w+/g, ' timeout 1m30s expires 4s');
    expect(parseListing(later).rulesHash.equals(rulesHash)).to.equal(true);
    const never = LISTING.replaceAll(/ timeout 8h expires \w+/g, '');
    expect(parseListing(never).rulesHash.equals(rulesHash)).to.equal(true);
    expect(parseListing(never).holdsForMs).to.equal(undefined);
  });

  it('gives another hash when a rule, an element, a hook or a comment differs', () => {
    const { rulesHash } = parseListing(LISTING);
    for (const [from, to] of [
      ['\t\tdrop\n', '\t\taccept\n'],
      ['443', '444'],
      ['hook output', 'hook forward'],
      ['plan=abc123', 'plan=abc124'],
      ['2 timeout', '3 timeout'],
    ] as const) {
      expect(parseListing(LISTING.replace(from, to)).rulesHash.equals(rulesHash), from).to.equal(false);
    }
  });

  it('names what the kernel dropped, added or detached', () => {
    expect(structuralDifference(LISTING, COUNTS, -10)).to.equal(undefined);
    expect(structuralDifference(LISTING.replace('\t\tdrop\n', ''), COUNTS, -10)).to.contain(
      'chain verdict_in',
    );
    expect(structuralDifference(LISTING.replace('hook input', 'hook forward'), COUNTS, -10)).to.contain(
      'chain input',
    );
    expect(structuralDifference(LISTING.replace('53, ', ''), COUNTS, -10)).to.contain('set ports');
    expect(structuralDifference('table inet cordon {\n}\n', COUNTS, -10)).to.contain('vanished');
    expect(structuralDifference(LISTING, new Map([...COUNTS].slice(1)), -10)).to.contain('not ours');
    expect(structuralDifference(LISTING, COUNTS, -11)).to.contain('hook');
    const dormant = LISTING.replace('\tset hold', '\tflags dormant\n\tset hold');
    expect(structuralDifference(dormant, COUNTS, -10)).to.contain('flags');
  });

  it('knows a table whose deadline has passed', () => {
    expect(isReleased(parseListing(LISTING))).to.equal(false);
    const passed = LISTING.replace(/\t\telements = \{ 2 .*\n/, '');
    expect(isReleased(parseListing(passed))).to.equal(true);
  });
});
