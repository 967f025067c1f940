import { expect } from 'chai';
import fc from 'fast-check';
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, symlinkSync, truncateSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { IocScanResult } from '../../../../shared/gen/cordon/v1/command.js';
import type { Checkpoint } from '../../../../agent/detect/scan-messages.js';
import { collectorOf, md5, ScanSite, sha256, type TestScan } from '../../../fakes/scan-site.js';

describe('a scan of files', () => {
  let site: ScanSite;
  beforeEach(() => (site = new ScanSite()));
  afterEach(() => site.close());

  const found = ({ matches }: TestScan): (string | undefined)[] =>
    matches.map(({ file }) => file?.slice(site.tree.length + 1)).sort();
  const told = ({ problems }: IocScanResult): string[] =>
    problems.map(({ subject, detail }) => `${subject} ${detail}`);

  it('finds a file by its hash, whatever its name, and reports it once', async () => {
    site.file('a/b/evil', 'evil content');
    site.file('a/good', 'good content');
    site.document('by-md5', 'OR', [{ term: 'FileItem/Md5sum', content: md5('evil content') }]);
    site.document('by-sha256', 'OR', [{ term: 'FileItem/Sha256sum', content: sha256('evil content') }]);
    const scan = site.scan();
    const result = await scan.done;
    expect(found(scan)).to.deep.equal(['a/b/evil', 'a/b/evil']);
    expect(scan.matches.map(({ documentId }) => documentId).sort()).to.deep.equal(['by-md5', 'by-sha256']);
    expect(result).to.include({ detections: 2, filesScanned: 5n });
    expect(result.bytesHashed).to.equal(24n);
    expect(result.documents.map(({ detections }) => detections)).to.deep.equal([1, 1]);
  });

  it('reads a file once for all documents', async () => {
    site.file('one', 'evil content');
    for (const [at, term] of ['Md5sum', 'Sha1sum', 'Sha256sum', 'Md5sum'].entries()) {
      site.document(`d${at}`, 'OR', [
        { term: `FileItem/${term}`, content: md5('other').padEnd(at === 1 ? 40 : at === 2 ? 64 : 32, '0') },
      ]);
    }
    const scan = site.scan();
    await scan.done;
    expect(scan.jobs).to.have.length(1);
  });

  it('makes no hash where a name or a size decides already', async () => {
    site.file('evil', 'evil content');
    site.file('evil-by-name', 'x');
    site.file('other', 'evil content');
    const hash = { term: 'FileItem/Md5sum', content: md5('evil content') };
    site.document('name-and-hash', 'AND', [{ term: 'FileItem/FileName', content: 'evil' }, hash]);
    site.document('name-or-hash-of-size', 'OR', [{ term: 'FileItem/FileName', content: 'evil-by-name' }]);
    site.document('size-and-hash', 'AND', [{ term: 'FileItem/SizeInBytes', content: '99' }, hash]);
    const scan = site.scan();
    await scan.done;
    expect(found(scan)).to.deep.equal(['evil', 'evil-by-name']);
    expect(scan.jobs.map(({ path }) => path)).to.deep.equal([join(site.tree, 'evil')]);
  });

  it('makes no hash where another document has decided, or where an item that must be there is not', async () => {
    site.file('evil', 'x');
    site.document('name-or-hash', 'OR', [
      { term: 'FileItem/FileName', content: 'evil' },
      { term: 'FileItem/Md5sum', content: md5('y') },
    ]);
    site.document('service-and-hash', 'AND', [
      { term: 'ServiceItem/name', content: 'evil' },
      { term: 'FileItem/Sha256sum', content: sha256('x') },
    ]);
    const without = site.scan({ collectors: [collectorOf('ServiceItem', ['name'], [{ name: 'good' }])] });
    await without.done;
    expect(found(without)).to.deep.equal(['evil']);
    // The folder has no content, the file is decided by its name.
    expect(without.jobs).to.deep.equal([]);
    const beside = site.scan({ collectors: [collectorOf('ServiceItem', ['name'], [{ name: 'evil' }])] });
    await beside.done;
    expect(found(beside)).to.deep.equal(['evil', 'evil']);
    expect(beside.jobs).to.have.length(1);
  });

  it('leaves out what is excluded and its own paths, and nothing else', async () => {
    for (const path of ['skip/evil', 'own/evil', 'keep/evil', 'keep/cache/x/evil', 'keep/skip/evil'])
      site.file(path);
    site.document('d', 'OR', [{ term: 'FileItem/FileName', content: 'evil' }]);
    const settings = { excludedPaths: [join(site.tree, 'skip'), `${site.tree}/**/cache`] };
    const scan = site.scan({ settings, ownPaths: [join(site.tree, 'own')] });
    await scan.done;
    expect(found(scan)).to.deep.equal(['keep/evil', 'keep/skip/evil']);
  });

  it('says it when a file is too large for hashes, also one that only claims to be', async () => {
    site.file('small', 'evil content');
    const sparse = site.file('sparse', '');
    truncateSync(sparse, 2 ** 40);
    site.document('d', 'OR', [
      { term: 'FileItem/Md5sum', content: md5('evil content') },
      { term: 'FileItem/FileName', content: 'nothing' },
    ]);
    const scan = site.scan({ settings: { maxFileBytes: 1000n } });
    const result = await scan.done;
    expect(found(scan)).to.deep.equal(['small']);
    expect(told(result).join()).to.contain(`${sparse} is larger than 1000 bytes`);
    expect(result.bytesHashed).to.equal(12n);
  });

  it('opens no pipe, follows no link, and goes round no loop', async () => {
    site.file('real/evil', 'evil content');
    execFileSync('mkfifo', [join(site.tree, 'pipe')]);
    symlinkSync('..', join(site.tree, 'real', 'loop'));
    symlinkSync('real/evil', join(site.tree, 'evil-link'));
    symlinkSync('/', join(site.tree, 'root'));
    site.document('d', 'OR', [
      { term: 'FileItem/Md5sum', content: md5('evil content') },
      { term: 'FileItem/FileName', content: 'evil-link' },
      { term: 'FileItem/FileName', content: 'pipe' },
    ]);
    const scan = site.scan();
    const result = await scan.done;
    // A link and a pipe are items with a name, and nothing to quarantine.
    expect(found(scan)).to.deep.equal(['real/evil', undefined, undefined]);
    expect(scan.jobs).to.have.length(1);
    expect(result.filesScanned).to.equal(7n);
  });

  it('counts what vanishes and says nothing of it', async () => {
    site.file('a');
    const path = site.file('gone');
    site.file('z', 'evil content');
    site.document('d', 'OR', [{ term: 'FileItem/Md5sum', content: md5('evil content') }]);
    const scan = site.scan({ onRead: (job) => (job.path === path ? unlinkSync(path) : undefined) });
    const result = await scan.done;
    expect(found(scan)).to.deep.equal(['z']);
    expect(result.problems).to.deep.equal([]);
  });

  it('matches and tells names that are not UTF-8', async () => {
    const raw = Buffer.concat([Buffer.from(`${site.tree}/evil`), Buffer.from([0xff])]);
    writeFileSync(raw, 'evil content');
    const folder = Buffer.concat([Buffer.from(`${site.tree}/dir`), Buffer.from([0xfe])]);
    mkdirSync(folder);
    writeFileSync(Buffer.concat([folder, Buffer.from('/inside')]), 'evil content');
    site.document('d', 'OR', [{ term: 'FileItem/Md5sum', content: md5('evil content') }]);
    const scan = site.scan();
    await scan.done;
    const paths = scan.matches.map(
      ({ items }) => items[0]?.fields.find(({ term }) => term === 'FileItem/FullPath')?.value,
    );
    expect(paths).to.deep.equal([`${site.tree}/dir\\xfe/inside`, `${site.tree}/evil\\xff`]);
    expect(scan.matches[0]?.file).to.equal(undefined);
  });

  it('goes on over documents that are bad, twice there, or of the same id', async () => {
    site.file('evil');
    site.rawDocument('<ioc');
    site.document('d', 'OR', [{ term: 'FileItem/FileName', content: 'evil' }]);
    site.document('d', 'OR', [{ term: 'FileItem/FileName', content: 'other' }]);
    const result = await site.scan().done;
    expect(result.detections).to.equal(1);
    const refused = result.documents.map((document) => document.refused);
    expect(refused[0]).not.to.equal('');
    expect(refused[1]).to.equal('');
    expect(refused[2]).to.contain('the same id');
  });

  it('says what is not available here', async () => {
    site.document('d', 'OR', [
      { term: 'RegistryItem/Path', content: 'x' },
      { term: 'ServiceItem/name', content: 'x' },
      { term: 'ServiceItem/description', content: 'x' },
      { term: 'FileItem/FileAttributes', content: 'Hidden' },
    ]);
    const result = await site.scan({
      collectors: [
        { type: 'RegistryItem', unavailable: 'Linux has no registry' },
        collectorOf('ServiceItem', ['name'], [{ name: 'a' }, { name: 'b' }]),
      ],
    }).done;
    expect(result.collectors).to.deep.equal([
      {
        itemType: 'RegistryItem',
        items: 0n,
        unavailable: 'not available here: Linux has no registry',
        unavailableTerms: [],
      },
      { itemType: 'ServiceItem', items: 2n, unavailable: '', unavailableTerms: ['ServiceItem/description'] },
      { itemType: 'FileItem', items: 1n, unavailable: '', unavailableTerms: ['FileItem/FileAttributes'] },
    ]);
  });

  it('goes on over a collector that fails', async () => {
    site.file('evil');
    site.document('d', 'OR', [
      { term: 'ServiceItem/name', content: 'x' },
      { term: 'FileItem/FileName', content: 'evil' },
    ]);
    const broken = {
      ...collectorOf('ServiceItem', ['name'], []),
      collect: () => {
        throw new Error('no bus');
      },
    };
    const result = await site.scan({ collectors: [broken] }).done;
    expect(result.detections).to.equal(1);
    expect(told(result)).to.deep.equal(['ServiceItem no bus']);
  });

  it('reports 100 of one document and counts the rest', async () => {
    for (let at = 0; at < 130; at++) site.file(`f${at}/evil`);
    site.document('d', 'OR', [{ term: 'FileItem/FileName', content: 'evil' }]);
    const scan = site.scan();
    const result = await scan.done;
    expect(scan.matches).to.have.length(100);
    expect(result).to.include({ detections: 100, detectionsOmitted: 30 });
  });

  it('tells percentages that only grow, up to 100', async () => {
    for (let at = 0; at < 300; at++) site.file(`f${at % 7}/g${at % 3}/x${at}`);
    site.document('d', 'OR', [
      { term: 'FileItem/FileName', condition: 'contains', content: '9' },
      { term: 'FileItem/Md5sum', content: md5('f0/g0/x0') },
    ]);
    const scan = site.scan({ onRead: () => new Promise((resolve) => setTimeout(resolve, 2)) });
    await scan.done;
    const percents = scan.events.flatMap((event) => (event.kind === 'progress' ? [event.percent] : []));
    expect(percents).to.deep.equal([...percents].sort((a, b) => a - b));
    expect(percents.at(-1)).to.equal(100);
    expect(percents.some((percent) => percent > 5 && percent < 95)).to.equal(true);
  });

  it('stands still while it is paused and ends soon when cancelled, with what was found', async () => {
    for (let at = 0; at < 400; at++) site.file(`f${String(at).padStart(3, '0')}`, `content ${at}`);
    site.document('d', 'OR', [
      { term: 'FileItem/Md5sum', content: md5('content 3') },
      { term: 'FileItem/Md5sum', content: md5('content 390') },
    ]);
    const scan: TestScan = site.scan({
      onRead: async () => {
        if (scan.jobs.length === 60) scan.pace.pause();
        if (scan.jobs.length === 120) scan.pace.cancel();
        await new Promise((resolve) => setImmediate(resolve));
      },
    });
    await new Promise((resolve) => setTimeout(resolve, 100));
    const standing = scan.jobs.length;
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(scan.jobs).to.have.length(standing);
    scan.pace.resume();
    const result = await scan.done;
    expect(scan.jobs.length).to.be.within(120, 130);
    expect(result.detections).to.equal(1);
    expect(Number(result.filesScanned)).to.be.lessThan(400);
  });

  it('says which folders and files may not be read, and goes on', async () => {
    const folder = join(site.tree, 'closed');
    mkdirSync(folder);
    const closed = site.file('closed-file', 'evil content');
    site.file('open', 'evil content');
    for (const path of [folder, closed]) chmodSync(path, 0);
    chmodSync(site.folder, 0o755);
    site.document('d', 'OR', [{ term: 'FileItem/Md5sum', content: md5('evil content') }]);
    const isRoot = process.getuid?.() === 0;
    // Root may read everything.
    if (isRoot) process.seteuid?.(65534);
    try {
      const scan = site.scan();
      const result = await scan.done;
      expect(told(result)).to.have.members([`${folder} may not be read`, `${closed} may not be read`]);
      expect(found(scan)).to.deep.equal(['open']);
    } finally {
      if (isRoot) process.seteuid?.(0);
      chmodSync(folder, 0o700);
    }
  });
});

describe('a scan that goes on after its process ended', () => {
  it('reports exactly what an uninterrupted one does, wherever it ended', async function () {
    this.timeout(20_000);
    const site = new ScanSite();
    try {
      for (let at = 0; at < 240; at++)
        site.file(`d${at % 8}/e${at % 3}/f${at}`, at % 6 === 0 ? 'evil' : `c${at}`);
      site.document('hash', 'OR', [{ term: 'FileItem/Md5sum', content: md5('evil') }]);
      site.document('name', 'OR', [{ term: 'FileItem/FileName', condition: 'contains', content: '9' }]);
      site.document('service', 'OR', [{ term: 'ServiceItem/name', condition: 'contains', content: '2' }]);
      site.document('service-and-file', 'AND', [
        { term: 'ServiceItem/name', content: 's7' },
        { term: 'FileItem/FileName', condition: 'contains', content: '5' },
      ]);
      const services = (): readonly { name: string }[] =>
        Array.from({ length: 30 }, (_, at) => ({ name: `s${at}` }));
      // The second process finds no service any more: what held before must have been kept.
      const scanOf = (checkpoint?: Checkpoint, onMatch?: () => Promise<void>, gone = false) =>
        site.scan({
          collectors: [collectorOf('ServiceItem', ['name'], gone ? [] : services())],
          checkpoint,
          onMatch,
        });
      const whole = scanOf();
      const expected = await whole.done;
      const keys = whole.matches.map(({ key }) => key);
      expect(new Set(keys).size).to.equal(keys.length);
      expect(keys.length).to.be.greaterThan(100);
      await fc.assert(
        fc.asyncProperty(fc.integer({ min: 0, max: keys.length - 1 }), async (crashAt) => {
          let count = 0;
          let letGo: () => void = () => undefined;
          const held = new Promise<void>((resolve) => (letGo = resolve));
          let crashed: () => void = () => undefined;
          const crash = new Promise<void>((resolve) => (crashed = resolve));
          const first = scanOf(undefined, async () => {
            await new Promise((resolve) => setImmediate(resolve));
            if (count++ < crashAt) return;
            crashed();
            await held;
          });
          await crash;
          first.pace.pause();
          const checkpoint = first.checkpoints.at(-1);
          const second = scanOf(checkpoint, undefined, false);
          const result = await second.done;
          first.pace.cancel();
          // One match may be between its acknowledgement and the next checkpoint: it has the same key again.
          const again = second.matches.filter(({ key }) => first.matches.some((match) => match.key === key));
          expect(again.length).to.be.at.most(1);
          const all = new Set([...first.matches, ...second.matches].map(({ key }) => key));
          expect([...all].sort()).to.deep.equal([...keys].sort());
          expect(result.filesScanned).to.equal(expected.filesScanned);
          expect(result.restarts).to.equal(1);
          letGo();
          await first.done;
        }),
        { numRuns: 12 },
      );
    } finally {
      site.close();
    }
  });

  it('keeps what held for items that are gone by then', async () => {
    const site = new ScanSite();
    try {
      site.file('evil');
      site.document('d', 'AND', [
        { term: 'ServiceItem/name', content: 's' },
        { term: 'FileItem/FileName', content: 'evil' },
      ]);
      let letGo: () => void = () => undefined;
      const held = new Promise<void>((resolve) => (letGo = resolve));
      const first = site.scan({
        collectors: [collectorOf('ServiceItem', ['name'], [{ name: 's' }])],
        onMatch: () => held,
      });
      await new Promise((resolve) => setTimeout(resolve, 700));
      const second = site.scan({ collectors: [], checkpoint: first.checkpoints.at(-1) });
      first.pace.cancel();
      await second.done;
      expect(second.matches).to.have.length(1);
      letGo();
      await first.done;
      const afresh = site.scan({ collectors: [] });
      await afresh.done;
      expect(afresh.matches).to.have.length(0);
    } finally {
      site.close();
    }
  });

  it('begins anew with a checkpoint that it does not understand', async () => {
    const site = new ScanSite();
    try {
      site.file('evil');
      site.document('d', 'OR', [{ term: 'FileItem/FileName', content: 'evil' }]);
      const scan = site.scan({ checkpoint: { at: 0, state: { version: 99 } } });
      expect(await scan.done).to.include({ detections: 1, restarts: 0 });
    } finally {
      site.close();
    }
  });
});
