import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { Walker } from '../../../../../agent/detect/files/walker.js';

describe('the memory of a walk', () => {
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'cordon-walk-'));
    // Folders in folders, each with many files.
    const deepest = join(folder, 'z', 'z');
    mkdirSync(deepest, { recursive: true });
    for (const place of [folder, join(folder, 'z'), deepest]) {
      for (let at = 0; at < 150; at++) writeFileSync(join(place, `f${at}`), '');
    }
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  function walk(mostBytes?: number): { entries: number; problems: string[] } {
    const problems: string[] = [];
    const walker = new Walker({
      scope: { roots: [folder], excluded: () => false, enter: () => ({ enter: true }) },
      after: undefined,
      problem: (_, detail) => problems.push(detail),
      vanished: () => undefined,
      ...(mostBytes === undefined ? {} : { mostBytes }),
    });
    let entries = 0;
    while (walker.next()) entries += 1;
    return { entries, problems };
  }

  it('is enough for folders as they are', () => {
    expect(walk()).to.deep.equal({ entries: 1 + 2 + 450, problems: [] });
  });

  it('is shared by folders within folders, and what is not looked at because of that is said', () => {
    const { entries, problems } = walk(151 * 110);
    expect(entries).to.be.within(250, 360);
    expect(problems).to.include('has more than 100 names; the rest was not looked at');
  });
});
