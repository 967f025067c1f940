import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { AppendLog } from '../../../agent/append-log.js';

describe('a file of lines that only grows', () => {
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'cordon-log-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('is empty where there is none, and keeps what was appended', () => {
    const path = join(folder, 'journal');
    expect(new AppendLog(path).read()).to.deep.equal([]);
    new AppendLog(path).append({ id: 1 });
    expect(new AppendLog(path).read()).to.deep.equal([{ id: 1 }]);
  });

  it('does not lose a line behind one that a full disk has torn', () => {
    const path = join(folder, 'journal');
    const log = new AppendLog(path);
    log.append({ id: 1 });
    appendFileSync(path, '{"id":2,"te');
    log.append({ id: 3 });
    log.append({ id: 4 });
    expect(new AppendLog(path).read()).to.deep.equal([{ id: 1 }, { id: 3 }, { id: 4 }]);
  });

  it('is not taken for empty when it cannot be looked at', () => {
    const file = join(folder, 'file');
    writeFileSync(file, '');
    expect(() => new AppendLog(join(file, 'journal')).read()).to.throw('ENOTDIR');
  });
});
