import { expect } from 'chai';
import { matchTree } from '../../../../cli/view/match-tree.js';
import { MatchedNode } from '../../../../shared/gen/cordon/v1/ioc.js';

describe('the tree of what matched', () => {
  const group = (depth: number, operator: string): MatchedNode =>
    MatchedNode.fromPartial({ depth, node: { $case: 'group', value: { operator } } });
  const term = (depth: number, content: string, value = content): MatchedNode =>
    MatchedNode.fromPartial({
      depth,
      node: { $case: 'term', value: { term: 'FileItem/FileName', condition: 'is', content, value } },
    });

  it('is drawn with what belongs together below each other', () => {
    expect(
      matchTree([
        group(0, 'OR'),
        group(1, 'AND'),
        term(2, 'a'),
        group(2, 'OR'),
        term(3, 'b', 'B'),
        term(1, 'c', ''),
      ]),
    ).to.deep.equal([
      'OR',
      '├─ AND',
      '│  ├─ FileItem/FileName is "a"',
      '│  └─ OR',
      '│     └─ FileItem/FileName is "b", here "B"',
      '└─ FileItem/FileName is "c"',
    ]);
  });

  it('stays readable whatever a device says: depths out of order, very deep ones, long values, no nodes', () => {
    expect(matchTree([])).to.deep.equal([]);
    const lines = matchTree([term(4_294_967_295, 'a'), term(3, 'x'.repeat(1024)), group(0, 'AND\n\x1b[2J')]);
    expect(lines.every((line) => line.length < 300 && !/\p{Cc}/u.test(line))).to.equal(true);
    expect(lines.at(-1)).to.equal('AND ?[2J');
  });
});
