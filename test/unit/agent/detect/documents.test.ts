import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { Documents } from '../../../../agent/detect/documents.js';
import { silent } from '../../../fakes/agent-owner.js';
import { FakeClock } from '../../../fakes/fake-clock.js';

describe('indicator documents on a device', () => {
  let dataDir: string;
  let clock: FakeClock;
  let needed: Set<string>;
  let documents: Documents;

  const document = (text: string): { hash: string; content: Buffer } => {
    const content = Buffer.from(text);
    return { hash: createHash('sha256').update(content).digest('hex'), content };
  };
  const one = document('one');
  const two = document('two two');
  const three = document('three');
  const open = (mostBytes?: number): Documents =>
    (documents = new Documents({
      dataDir,
      clock,
      log: silent,
      needed: () => needed,
      ...(mostBytes === undefined ? {} : { mostBytes }),
    }));
  const kept = (): string[] => readdirSync(join(dataDir, 'documents')).sort();

  beforeEach(() => {
    dataDir = mkdtempSync(join(tmpdir(), 'cordon-documents-'));
    clock = new FakeClock();
    needed = new Set([one.hash, two.hash]);
    open();
  });
  afterEach(() => rmSync(dataDir, { recursive: true }));

  it('are kept under their hash, for the agent alone, and are known after a restart', () => {
    expect(documents.missing()).to.deep.equal([one.hash, two.hash]);
    documents.take(one.hash, one.content);
    expect(open().missing()).to.deep.equal([two.hash]);
    const path = documents.use(one.hash);
    expect(readFileSync(path, 'utf8')).to.equal('one');
    expect(statSync(path).mode & 0o777).to.equal(0o600);
  });

  it('are not kept when they are something else, or nobody needs them', () => {
    documents.take(one.hash, two.content);
    documents.take(three.hash, three.content);
    expect(existsSync(join(dataDir, 'documents'))).to.equal(false);
    expect(documents.refusal(one.hash)).to.contain('not the document');
    expect(documents.missing()).to.deep.equal([two.hash]);
  });

  it('that the disk does not take are not waited for', () => {
    // A file in the place of the folder: nothing can be written.
    writeFileSync(join(dataDir, 'documents'), '');
    documents.take(one.hash, one.content);
    expect(documents.has(one.hash)).to.equal(false);
    expect(documents.refusal(one.hash)).to.match(/^this device cannot keep it: E/);
    expect(documents.refusal(two.hash)).to.equal(undefined);
  });

  it('that the server does not have are not waited for, and each change is told', () => {
    let changes = 0;
    documents.changes.subscribe(() => (changes += 1));
    documents.refuse(one.hash, 'the document was deleted');
    documents.take(two.hash, two.content);
    expect([
      documents.missing(),
      documents.refusal(one.hash),
      documents.refusal(two.hash),
      changes,
    ]).to.deep.equal([[], 'the document was deleted', undefined, 2]);
  });

  it('make room for others, the least recently used first, and none that an open command needs', () => {
    open(13);
    documents.take(one.hash, one.content);
    documents.take(two.hash, two.content);
    documents.use(one.hash);
    needed = new Set([three.hash]);
    documents.take(three.hash, three.content);
    expect(kept()).to.deep.equal([one.hash, three.hash].sort());
    needed = new Set([one.hash, two.hash, three.hash]);
    documents.take(two.hash, two.content);
    expect(kept()).to.deep.equal([one.hash, three.hash].sort());
    expect(documents.refusal(two.hash)).to.contain('room');
  });

  it('know their order of use after a restart, and leave nothing that a crash left', () => {
    documents.take(one.hash, one.content);
    documents.take(two.hash, two.content);
    clock.advance(10_000);
    documents.use(one.hash);
    writeFileSync(join(dataDir, 'documents', `${three.hash}.77.new`), 'th');
    open(13);
    needed = new Set([three.hash]);
    documents.take(three.hash, three.content);
    expect(kept()).to.deep.equal([one.hash, three.hash].sort());
  });
});
