import { expect } from 'chai';
import {
  KeptSets,
  MOST_KEPT_TEXT_OF_SCAN,
  type KeptSet,
} from '../../../../../agent/detect/match/kept-sets.js';
import { Matcher } from '../../../../../agent/detect/match/matcher.js';
import { all, any, document, item, text } from '../../../../fakes/ioc-trees.js';

const LETTERS = [...'abcdefghijklmnopqrstuvwxyz'];
const PAIRS = LETTERS.flatMap((first) => LETTERS.map((second) => first + second));

/** Text of pieces in an order that is another one for each seed. */
function jumbled(seed: number): string {
  let state = seed + 1;
  return Array.from({ length: 1000 }, () => LETTERS[(state = (state * 48271) % 0x7fffffff) % 26]).join('');
}

describe('what is kept of documents that ask for several kinds of items', () => {
  it('stays small where a document asks for hundreds of pieces of long texts, and says that not all is kept', () => {
    const root = all(
      text('FileItem/FileName', 'evil.exe'),
      any(...PAIRS.map((pair) => text('EventLogItem/message', pair, 'contains'))),
    );
    const problems: string[] = [];
    const kept = new KeptSets();
    const documents = [{ hash: 'ab', document: document(root) }];
    const matcher = new Matcher(documents, new Set(), kept, (_, detail) => problems.push(detail));
    const view = matcher.of('EventLogItem');
    for (let at = 0; at < 60; at++) {
      matcher.matchesOf(view, item('EventLogItem', { index: at, message: jumbled(at) }));
    }
    const size = JSON.stringify(kept.state()).length;
    expect(size).to.be.greaterThan(100_000);
    expect(size).to.be.lessThan(1.5 * 1024 * 1024);
    expect(problems).to.have.length(1);
    // What is kept is used all the same.
    const file = item('FileItem', { FullPath: '/opt/evil.exe', FileName: 'evil.exe' });
    expect(matcher.matchesOf(matcher.of('FileItem'), file)).to.have.length(1);
  });

  it('has one bound for all documents, which a checkpoint counts too', () => {
    const set = (literal: number): KeptSet => ({
      literals: [literal],
      values: ['x'.repeat(500_000)],
      item: { itemType: 'EventLogItem', fields: [] },
      process: undefined,
    });
    const fill = (kept: KeptSets, from: number): number =>
      Array.from({ length: 5 }, (_, at) => at + from).filter(
        (at) =>
          kept.keep(`document ${at}`, 'EventLogItem', set(0)) &&
          kept.keep(`document ${at}`, 'EventLogItem', set(1)),
      ).length;
    const before = new KeptSets();
    expect(fill(before, 0)).to.equal(Math.floor(MOST_KEPT_TEXT_OF_SCAN / 1_000_220));
    expect(fill(new KeptSets(before.state()), 5)).to.equal(0);
  });
});
