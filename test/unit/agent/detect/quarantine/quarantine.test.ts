import { createHash, randomBytes } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
  type BigIntStats,
} from 'node:fs';
import { execFileSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { QuarantineError } from '../../../../../agent/detect/quarantine/error.js';
import { Quarantine, type Suspect } from '../../../../../agent/detect/quarantine/quarantine.js';
import { newId } from '../../../../../shared/ids.js';
import { FakeClock } from '../../../../fakes/fake-clock.js';

const MALWARE = randomBytes(200_000);
const SHA256 = createHash('sha256').update(MALWARE).digest('hex');

describe('quarantine', () => {
  let base: string;
  let clock: FakeClock;
  let quarantine: Quarantine;
  let path: string;
  /** Called when a file is opened and checked: the moment for whoever wants to swap something. */
  let meanwhile: (stat: BigIntStats) => string | undefined;

  const open = (limits?: { file: number; total: number; files: number }): Quarantine =>
    (quarantine = new Quarantine({
      dataDir: join(base, 'data'),
      clock,
      protects: (_path, stat) => meanwhile(stat),
      ...(limits ? { limits } : {}),
    }));
  const suspect = (change: Partial<Suspect> = {}): Suspect => ({
    id: newId(),
    path,
    reason: 'Zeus',
    hashes: { sha256: SHA256 },
    ...change,
  });
  const kept = (): string[] => {
    const folder = join(base, 'data', 'quarantine');
    return existsSync(folder) ? readdirSync(folder) : [];
  };
  /** Kind of the refusal, and what it says. */
  async function refusal(work: Promise<unknown>): Promise<string> {
    try {
      await work;
    } catch (error) {
      if (error instanceof QuarantineError) return `${error.kind}: ${error.message}`;
      throw error;
    }
    throw new Error('it was not refused');
  }

  beforeEach(() => {
    base = realpathSync(mkdtempSync(join(tmpdir(), 'cordon-quarantine-')));
    clock = new FakeClock();
    path = join(base, 'evil.bin');
    writeFileSync(path, MALWARE);
    meanwhile = () => undefined;
    open();
  });
  afterEach(() => rmSync(base, { recursive: true }));

  it('moves a file out of the way, with its bytes changed, into a folder for the agent alone', async () => {
    const record = await quarantine.add(suspect());
    expect(record).to.include({ path, reason: 'Zeus', bytes: MALWARE.length, sha256: SHA256 });
    expect(existsSync(path)).to.equal(false);
    const folder = join(base, 'data', 'quarantine');
    expect(statSync(folder).mode & 0o777).to.equal(0o700);
    const copy = readFileSync(join(folder, `${record.id}.bin`));
    expect(copy).to.have.length(MALWARE.length);
    expect(copy.some((byte, at) => byte === MALWARE[at])).to.equal(false);
    for (const name of readdirSync(folder)) expect(statSync(join(folder, name)).mode & 0o777).to.equal(0o600);
    expect(open().list()).to.deep.equal([record]);
  });

  it('puts a file back with its content, mode, owner and times, and forgets it', async () => {
    chmodSync(path, 0o4751);
    utimesSync(path, 1_600_000_000, 1_500_000_000.25);
    const before = statSync(path);
    const { id } = await quarantine.add(suspect());
    await open().restore(id);
    const after = statSync(path);
    expect(readFileSync(path).equals(MALWARE)).to.equal(true);
    expect([after.mode, after.uid, after.gid, Math.round(after.mtimeMs), after.atimeMs]).to.deep.equal([
      before.mode,
      before.uid,
      before.gid,
      before.mtimeMs,
      before.atimeMs,
    ]);
    expect([quarantine.list(), kept()]).to.deep.equal([[], []]);
  });

  it('does not put a file over one that is there now', async () => {
    const { id } = await quarantine.add(suspect());
    writeFileSync(path, 'new');
    expect(await refusal(quarantine.restore(id))).to.equal('in-the-way: a file is there now');
    expect(readFileSync(path, 'utf8')).to.equal('new');
    unlinkSync(path);
    symlinkSync(join(base, 'elsewhere'), path);
    expect(await refusal(quarantine.restore(id))).to.equal('in-the-way: a file is there now');
    expect(existsSync(join(base, 'elsewhere'))).to.equal(false);
    expect(quarantine.list()).to.have.length(1);
  });

  it('does not put back what was damaged in quarantine', async () => {
    const { id } = await quarantine.add(suspect());
    writeFileSync(join(base, 'data', 'quarantine', `${id}.bin`), 'other');
    expect(await refusal(quarantine.restore(id))).to.match(/^failed: .*damaged/);
    expect(existsSync(path)).to.equal(false);
  });

  it('destroys a file, and knows no others', async () => {
    const { id } = await quarantine.add(suspect());
    await quarantine.remove(id);
    expect([quarantine.list(), kept()]).to.deep.equal([[], []]);
    expect(await refusal(quarantine.remove(id))).to.match(/^absent/);
    expect(await refusal(quarantine.restore('../../etc'))).to.match(/^absent/);
  });

  it('lists the newest first', async () => {
    const first = await quarantine.add(suspect());
    writeFileSync(path, 'x');
    clock.advance(1_000);
    const second = await quarantine.add(suspect({ hashes: {} }));
    expect(quarantine.list()).to.deep.equal([second, first]);
  });

  describe('takes nothing but the file that matched', () => {
    afterEach(() => {
      expect(kept()).to.deep.equal([]);
      expect(quarantine.list()).to.deep.equal([]);
    });

    it('not a link, wherever it leads', async () => {
      const link = join(base, 'link');
      symlinkSync(path, link);
      expect(await refusal(quarantine.add(suspect({ path: link })))).to.equal('refused: it is a link');
      expect(existsSync(path)).to.equal(true);
    });

    it('not behind a link to a folder', async () => {
      symlinkSync(base, join(base, 'folder'));
      const behind = join(base, 'folder', 'evil.bin');
      expect(await refusal(quarantine.add(suspect({ path: behind })))).to.match(
        /^refused: a link is on the way/,
      );
      expect(existsSync(path)).to.equal(true);
    });

    it('not in a folder that was swapped for a link while it was copied', async () => {
      mkdirSync(join(base, 'home'));
      mkdirSync(join(base, 'precious'));
      writeFileSync(join(base, 'home', 'f'), MALWARE);
      writeFileSync(join(base, 'precious', 'f'), 'precious');
      meanwhile = () => {
        renameSync(join(base, 'home'), join(base, 'moved'));
        symlinkSync(join(base, 'precious'), join(base, 'home'));
        return undefined;
      };
      const { id } = await quarantine.add(suspect({ path: join(base, 'home', 'f') }));
      expect(readFileSync(join(base, 'precious', 'f'), 'utf8')).to.equal('precious');
      expect(existsSync(join(base, 'moved', 'f'))).to.equal(false);
      expect(await refusal(quarantine.restore(id))).to.match(/^refused: a link is on the way/);
      await quarantine.remove(id);
    });

    it('not a file that took its place before', async () => {
      writeFileSync(path, 'innocent');
      expect(await refusal(quarantine.add(suspect()))).to.match(
        /^failed: what is there now is not what matched/,
      );
      expect(readFileSync(path, 'utf8')).to.equal('innocent');
    });

    it('not a file that takes its place while it is copied', async () => {
      meanwhile = () => {
        writeFileSync(`${path}.new`, 'innocent');
        renameSync(`${path}.new`, path);
        return undefined;
      };
      expect(await refusal(quarantine.add(suspect()))).to.match(/^failed: another file took its place/);
      expect(readFileSync(path, 'utf8')).to.equal('innocent');
    });

    it('not a link that takes its place while it is copied', async () => {
      writeFileSync(join(base, 'precious'), 'precious');
      meanwhile = () => {
        unlinkSync(path);
        symlinkSync(join(base, 'precious'), path);
        return undefined;
      };
      expect(await refusal(quarantine.add(suspect()))).to.match(/^failed: another file took its place/);
      expect(readFileSync(path, 'utf8')).to.equal('precious');
    });

    it('not a file that is written to while it is copied', async () => {
      meanwhile = () => {
        writeFileSync(path, 'more', { flag: 'a' });
        return undefined;
      };
      expect(await refusal(quarantine.add(suspect({ hashes: {} })))).to.match(/^failed: it was written to/);
    });

    it('not what must not be touched', async () => {
      meanwhile = () => 'the system does not run without it';
      expect(await refusal(quarantine.add(suspect()))).to.equal(
        'refused: the system does not run without it',
      );
      expect(existsSync(path)).to.equal(true);
    });

    it('not a pipe, a folder, or nothing, and waits for none of them', async () => {
      execFileSync('mkfifo', [join(base, 'fifo')]);
      expect(await refusal(quarantine.add(suspect({ path: join(base, 'fifo') })))).to.match(/not a file/);
      mkdirSync(join(base, 'folder'));
      expect(await refusal(quarantine.add(suspect({ path: join(base, 'folder') })))).to.match(/not a file/);
      expect(await refusal(quarantine.add(suspect({ path: join(base, 'none') })))).to.match(/^absent/);
      expect(await refusal(quarantine.add(suspect({ path: 'evil.bin' })))).to.match(/not absolute/);
    });

    it('not a file that is too large, however few blocks it has', async () => {
      truncateSync(path, 2 ** 40);
      expect(await refusal(quarantine.add(suspect()))).to.equal('refused: it is larger than 100 MiB');
    });
  });

  it('takes one name of several away and leaves the others', async () => {
    linkSync(path, join(base, 'other'));
    await quarantine.add(suspect());
    expect(existsSync(path)).to.equal(false);
    expect(readFileSync(join(base, 'other')).equals(MALWARE)).to.equal(true);
  });

  it('takes no more files and bytes than it may hold', async () => {
    open({ file: 300_000, total: 450_000, files: 2 });
    await quarantine.add(suspect());
    writeFileSync(path, Buffer.alloc(260_000));
    expect(await refusal(quarantine.add(suspect({ hashes: {} })))).to.match(
      /^refused: the quarantine holds up to/,
    );
    writeFileSync(path, 'small');
    await quarantine.add(suspect({ hashes: {} }));
    writeFileSync(path, 'small');
    expect(await refusal(quarantine.add(suspect({ hashes: {} })))).to.match(/holds 2 files already/);
    expect(existsSync(path)).to.equal(true);
  });

  describe('after a crash', () => {
    it('sweeps up a copy that was never finished, and takes the file then', async () => {
      const { id } = await quarantine.add(suspect());
      await quarantine.restore(id);
      writeFileSync(join(base, 'data', 'quarantine', `${id}.bin`), 'half');
      open();
      expect(kept()).to.deep.equal([]);
      expect((await quarantine.add(suspect({ id }))).sha256).to.equal(SHA256);
    });

    it('removes an original that was left, and says the same as before', async () => {
      const asked = suspect();
      const record = await quarantine.add(asked);
      linkSync(await restoredElsewhere(record.id), path);
      expect(await open().add(asked)).to.deep.include({ id: asked.id, sha256: SHA256 });
      expect(existsSync(path)).to.equal(false);
    });

    it('leaves a file alone that came into the place of the original', async () => {
      const asked = suspect();
      const record = await quarantine.add(asked);
      writeFileSync(path, 'innocent');
      expect(await open().add(asked)).to.deep.equal(record);
      expect(readFileSync(path, 'utf8')).to.equal('innocent');
    });

    /** What a crash leaves between the record and the end of the original: a file with its number, size and time. */
    function restoredElsewhere(id: string): Promise<string> {
      const place = join(base, 'original');
      writeFileSync(place, MALWARE);
      const json = join(base, 'data', 'quarantine', `${id}.json`);
      const record = JSON.parse(readFileSync(json, 'utf8')) as Record<string, unknown>;
      const stat = statSync(place, { bigint: true });
      const facts = { inode: `${stat.ino}`, modifiedAtMs: Number(stat.mtimeNs) / 1e6 };
      writeFileSync(json, JSON.stringify({ ...record, ...facts }));
      return Promise.resolve(place);
    }
  });
});
