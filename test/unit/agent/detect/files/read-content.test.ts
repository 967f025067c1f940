import { expect } from 'chai';
import { execFileSync } from 'node:child_process';
import { appendFileSync, symlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { ContentThreads } from '../../../../../agent/detect/files/content-readers.js';
import { Gate } from '../../../../../agent/detect/files/gate.js';
import {
  readContent,
  systemCalls,
  type Content,
  type FileCalls,
  type ReadLimits,
} from '../../../../../agent/detect/files/read-content.js';
import { md5, ScanSite, sha256 } from '../../../../fakes/scan-site.js';

const MD5 = 4;
const SHA256 = 16;

describe('what is read of a file', () => {
  let site: ScanSite;
  beforeEach(() => (site = new ScanSite()));
  afterEach(() => site.close());

  const limits: ReadLimits = { maxBytes: 1_000_000, programTerms: new Set(), pass: () => true };
  const read = (
    path: string,
    needs = MD5,
    calls: FileCalls = systemCalls,
    own: Partial<ReadLimits> = {},
  ): Content => readContent({ path, needs }, { ...limits, ...own }, Buffer.alloc(1024), calls);
  const hashesOf = (content: Content) =>
    content.kind === 'read' ? Object.fromEntries(content.hashes) : content.kind;

  for (const size of [0, 1, 1023, 1024, 1025, 5000]) {
    it(`gives the hashes that were asked for of ${size} bytes`, () => {
      const bytes = Buffer.alloc(size, 'abc');
      const path = site.file('f', bytes);
      expect(hashesOf(read(path, MD5 | SHA256))).to.deep.equal({ md5: md5(bytes), sha256: sha256(bytes) });
      expect(hashesOf(read(path, MD5))).to.deep.equal({ md5: md5(bytes) });
    });
  }

  it('is nothing where a link, a pipe or a socket stands in the place of a file', async () => {
    const path = site.file('f');
    symlinkSync(path, join(site.tree, 'link'));
    execFileSync('mkfifo', [join(site.tree, 'pipe')]);
    const socket = join(site.folder, 's');
    const server = createServer().listen(socket);
    await new Promise((resolve) => server.once('listening', resolve));
    for (const other of [
      join(site.tree, 'link'),
      join(site.tree, 'pipe'),
      socket,
      join(site.tree, 'missing'),
      '/dev/zero',
    ]) {
      expect(read(other)).to.deep.equal({ kind: 'vanished' });
    }
    server.close();
    expect(read(path).kind).to.equal('read');
  });

  it('is read again once where the file changes meanwhile', () => {
    const path = site.file('f', 'a'.repeat(3000));
    let changes = 1;
    const calls: FileCalls = {
      ...systemCalls,
      read: (file, buffer, at) => {
        if (changes > 0 && at === 1024) {
          changes -= 1;
          appendFileSync(path, 'b'.repeat(100));
        }
        return systemCalls.read(file, buffer, at);
      },
    };
    const content = read(path, MD5, calls);
    expect(hashesOf(content)).to.deep.equal({ md5: md5('a'.repeat(3000) + 'b'.repeat(100)) });
    expect(content).to.include({ changed: false });
    changes = 2;
    expect(read(path, MD5, calls)).to.include({ kind: 'read', changed: true });
  });

  it('ends at the limit, also where the file grows without end', () => {
    const path = site.file('f', 'a');
    const endless: FileCalls = { ...systemCalls, read: (_file, buffer) => buffer.length };
    expect(read(path, MD5, endless, { maxBytes: 10_000 })).to.deep.include({ kind: 'too large' });
  });

  it('stops in the middle of a file', () => {
    const path = site.file('f', Buffer.alloc(10_000));
    let passes = 3;
    expect(read(path, MD5, systemCalls, { pass: () => passes-- > 0 }).kind).to.equal('stopped');
  });

  it('says why it could not be read', () => {
    const broken: FileCalls = {
      ...systemCalls,
      read: () => {
        throw Object.assign(new Error('EIO'), { code: 'EIO' });
      },
    };
    expect(read(site.file('f'), MD5, broken)).to.deep.equal({
      kind: 'failed',
      detail: 'cannot be read: the disk fails',
    });
  });
});

describe('threads that read files', () => {
  const SIZE = 60_000_000;
  let site: ScanSite;
  beforeEach(() => (site = new ScanSite()));
  afterEach(() => site.close());

  const threads = (bytesPerSecond = 0) => {
    const memory = Gate.memory();
    const gate = new Gate(memory, bytesPerSecond);
    return {
      gate,
      readers: new ContentThreads(2, { memory, bytesPerSecond, maxBytes: 1e9, programTerms: [] }, gate),
    };
  };

  it('give the contents in the order of the jobs, whoever read them', async () => {
    const { readers } = threads();
    const batches = Array.from({ length: 8 }, (_, batch) =>
      Array.from({ length: 5 }, (__, at) => ({
        path: site.file(`f${batch}-${at}`),
        needs: MD5,
        name: `f${batch}-${at}`,
      })),
    );
    const answers = await Promise.all(batches.map((jobs) => readers.read(jobs)));
    const hashes = answers
      .flat()
      .map((content) => (content.kind === 'read' ? content.hashes[0]?.[1] : content.kind));
    expect(hashes).to.deep.equal(batches.flat().map(({ name }) => md5(name)));
    await readers.close();
  });

  it('stand still in the middle of a large file, go on, and stop', async () => {
    const large = site.file('large', Buffer.alloc(SIZE));
    const { gate, readers } = threads(SIZE * 2);
    let ended = false;
    const reading = readers.read([{ path: large, needs: MD5 }]).then((contents) => {
      ended = true;
      return contents;
    });
    await new Promise((resolve) => setTimeout(resolve, 150));
    gate.hold();
    await new Promise((resolve) => setTimeout(resolve, 700));
    expect(ended).to.equal(false);
    gate.run();
    const started = performance.now();
    gate.stop();
    expect(await reading).to.deep.equal([{ kind: 'stopped' }]);
    expect(performance.now() - started).to.be.lessThan(1000);
    await readers.close();
  });

  it('read no faster than they may, all together', async () => {
    const { readers } = threads(20_000_000);
    const jobs = [1, 2].map((name) => [{ path: site.file(`f${name}`, Buffer.alloc(5_000_000)), needs: MD5 }]);
    const started = performance.now();
    await Promise.all(jobs.map((job) => readers.read(job)));
    expect(performance.now() - started).to.be.within(300, 5000);
    await readers.close();
  });
});
