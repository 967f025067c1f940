import { chmodSync, readFileSync, rmSync, type BigIntStats } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { join, posix, win32 } from 'node:path';
import type { Clock } from '../../../shared/clock.js';
import { syncFolder, writeDurably } from '../../../shared/durable-file.js';
import { makeFolder } from '../../../shared/folder.js';
import { readFolderIfThere } from '../../read-folder.js';
import { Serial } from '../../serial.js';
import { QuarantineError } from './error.js';
import { HeldFolder } from './held-folder.js';
import { factsOf, isSameFile, parseRecord, type QuarantineRecord } from './record.js';
import { copyChanged, plainHash, type Copied, type HashName } from './scrambled.js';

/** Name of the folder below the data folder. */
export const QUARANTINE_FOLDER = 'quarantine';
const MIB = 1024 * 1024;

/** How much fits, bytes and files. */
export const QUARANTINE_LIMITS = { file: 100 * MIB, total: 1024 * MIB, files: 1000 } as const;

export interface QuarantineParts {
  readonly dataDir: string;
  readonly clock: Clock;
  /** Why a file must not be touched; undefined: it may be. @param stat of the file itself */
  readonly protects: (path: string, stat: BigIntStats) => string | undefined;
  readonly limits?: Readonly<Record<keyof typeof QUARANTINE_LIMITS, number>>;
}

/** A file to move into quarantine. */
export interface Suspect {
  /** UUID that it will have there: moving it again, after a crash, goes on with the same. */
  readonly id: string;
  readonly path: string;
  readonly reason: string;
  /** Hashes that it must have, hex, as far as they are known: another file may stand there by now. */
  readonly hashes: Readonly<Partial<Record<HashName, string>>>;
}

/**
 * Files that an indicator matched, taken out of the way: a copy with every byte changed and a record of what it was, in a
 * folder for the agent alone. Nothing follows a link. One thing is done at a time.
 */
export class Quarantine {
  private readonly folder: string;
  private readonly serial = new Serial();
  private readonly records = new Map<string, QuarantineRecord>();
  private readonly limits: Readonly<Record<keyof typeof QUARANTINE_LIMITS, number>>;

  constructor(private readonly parts: QuarantineParts) {
    this.folder = join(parts.dataDir, QUARANTINE_FOLDER);
    this.limits = parts.limits ?? QUARANTINE_LIMITS;
    const names = readFolderIfThere(this.folder);
    for (const name of names.filter((each) => each.endsWith('.json'))) {
      const record = parseRecord(readFileSync(join(this.folder, name), 'utf8'));
      if (record && name === `${record.id}.json`) this.records.set(record.id, record);
    }
    // The record comes after the copy: a copy without one was never finished.
    for (const name of names) {
      const id = /^(.+)\.bin$/.exec(name)?.[1];
      if (id !== undefined && !names.includes(`${id}.json`)) rmSync(join(this.folder, name), { force: true });
    }
  }

  /** Newest first. */
  list(): QuarantineRecord[] {
    return [...this.records.values()].sort((a, b) => b.quarantinedAtMs - a.quarantinedAtMs);
  }

  /**
   * Moves a file into quarantine: the original goes when the copy is on disk and has been read back.
   * @throws QuarantineError, with the file where it was
   */
  add(suspect: Suspect): Promise<QuarantineRecord> {
    return this.serial.run(() =>
      this.inFolderOf(suspect.path, (folder, name) => this.move(suspect, folder, name)),
    );
  }

  /**
   * Puts a file back where it was, with its owner, mode and times.
   * @throws QuarantineError, with the file still in quarantine
   */
  restore(id: string): Promise<QuarantineRecord> {
    return this.serial.run(async () => {
      const record = this.find(id);
      await this.inFolderOf(record.path, (folder, name) => this.putBack(record, folder, name));
      this.drop(id);
      return record;
    });
  }

  /** Destroys a file in quarantine. @throws QuarantineError */
  remove(id: string): Promise<void> {
    return this.serial.run(() => {
      this.find(id);
      this.drop(id);
      return Promise.resolve();
    });
  }

  private async move(suspect: Suspect, folder: HeldFolder, name: string): Promise<QuarantineRecord> {
    const known = this.records.get(suspect.id);
    if (known) {
      // A crash came between the record and the end of the original.
      const stat = folder.look(name);
      if (stat && isSameFile(known, stat)) await this.removeOriginal(known, folder, name);
      return known;
    }
    const file = await folder.openFile(name);
    try {
      const stat = await file.stat({ bigint: true });
      this.check(suspect.path, stat);
      makeFolder(this.folder, 0o700);
      chmodSync(this.folder, 0o700);
      try {
        const copied = await this.copy(suspect, file);
        this.checkCopied(suspect, stat, await file.stat({ bigint: true }), copied);
        const record = this.keep(suspect, stat, copied);
        await this.removeOriginal(record, folder, name);
        return record;
      } catch (error) {
        this.drop(suspect.id);
        throw error;
      }
    } finally {
      await file.close();
    }
  }

  private check(path: string, stat: BigIntStats): void {
    const refuse = (why: string): never => {
      throw new QuarantineError('refused', why);
    };
    const { file, total, files } = this.limits;
    if (!stat.isFile()) return refuse('it is not a file');
    const why = this.parts.protects(path, stat);
    if (why !== undefined) return refuse(why);
    if (stat.size > file) return refuse(`it is larger than ${file / MIB} MiB`);
    const taken = this.list().reduce((sum, { bytes }) => sum + bytes, 0);
    if (this.records.size >= files) return refuse(`the quarantine holds ${files} files already`);
    if (taken + Number(stat.size) > total) return refuse(`the quarantine holds up to ${total / MIB} MiB`);
  }

  /** Copies it and reads the copy back. */
  private async copy({ id }: Suspect, from: FileHandle): Promise<Copied> {
    const to = await open(this.place(id, 'bin'), 'w+', 0o600);
    try {
      const copied = await copyChanged(from, to, 'from', this.limits.file);
      if ((await plainHash(to)) !== copied.hashes.sha256) {
        throw new QuarantineError('failed', 'the copy is not what was written');
      }
      return copied;
    } finally {
      await to.close();
    }
  }

  private checkCopied({ hashes }: Suspect, before: BigIntStats, after: BigIntStats, copied: Copied): void {
    const changed =
      after.mtimeNs !== before.mtimeNs || after.size !== before.size || BigInt(copied.bytes) !== before.size;
    if (changed) throw new QuarantineError('failed', 'it was written to while it was copied');
    for (const [kind, hash] of Object.entries(hashes) as [HashName, string][]) {
      if (copied.hashes[kind] !== hash) {
        throw new QuarantineError('failed', 'what is there now is not what matched');
      }
    }
  }

  /** From here on it is in quarantine, whatever comes. */
  private keep({ id, path, reason }: Suspect, stat: BigIntStats, copied: Copied): QuarantineRecord {
    const { bytes, hashes } = copied;
    const quarantinedAtMs = this.parts.clock.wall();
    const record: QuarantineRecord = {
      format: 1,
      id,
      path,
      reason,
      bytes,
      sha256: hashes.sha256,
      quarantinedAtMs,
      ...factsOf(stat),
    };
    writeDurably(this.place(id, 'json'), `${JSON.stringify(record)}\n`, 0o600);
    this.records.set(id, record);
    return record;
  }

  private async removeOriginal(record: QuarantineRecord, folder: HeldFolder, name: string): Promise<void> {
    const stat = folder.look(name);
    if (!stat || !isSameFile(record, stat)) {
      throw new QuarantineError('failed', 'another file took its place while it was copied');
    }
    folder.unlink(name);
    // Where a crash brings it back it is there twice. An error now must not look as if it were still there: the copy is all
    // that is left.
    await folder.sync().catch(() => undefined);
  }

  private async putBack(record: QuarantineRecord, folder: HeldFolder, name: string): Promise<void> {
    const from = await open(this.place(record.id, 'bin'), 'r');
    try {
      if ((await plainHash(from)) !== record.sha256) {
        throw new QuarantineError('failed', 'the copy in quarantine is damaged');
      }
      const to = await folder.createFile(name).catch(inTheWay);
      try {
        await copyChanged(from, to, 'to', Infinity);
        await restoreFacts(to, record);
        await to.sync();
      } catch (error) {
        folder.unlink(name);
        throw error;
      } finally {
        await to.close();
      }
      await folder.sync();
    } finally {
      await from.close();
    }
  }

  private async inFolderOf<T>(
    path: string,
    work: (folder: HeldFolder, name: string) => Promise<T>,
  ): Promise<T> {
    const paths = process.platform === 'win32' ? win32 : posix;
    if (!paths.isAbsolute(path)) throw new QuarantineError('refused', 'its path is not absolute');
    try {
      const folder = await HeldFolder.open(paths.dirname(path));
      try {
        return await work(folder, paths.basename(path));
      } finally {
        await folder.close();
      }
    } catch (error) {
      throw error instanceof QuarantineError ? error : fromSystem(error);
    }
  }

  private find(id: string): QuarantineRecord {
    const record = this.records.get(id);
    if (!record) throw new QuarantineError('absent', `no file in quarantine has the id ${id}`);
    return record;
  }

  /** The record first: a copy without one is swept up. */
  private drop(id: string): void {
    this.records.delete(id);
    rmSync(this.place(id, 'json'), { force: true });
    rmSync(this.place(id, 'bin'), { force: true });
    syncFolder(this.folder);
  }

  private place(id: string, extension: 'json' | 'bin'): string {
    return join(this.folder, `${id}.${extension}`);
  }
}

/** Owner before mode: a change of the owner takes the set-user-id bit away. */
async function restoreFacts(file: FileHandle, record: QuarantineRecord): Promise<void> {
  if (process.platform !== 'win32') {
    await file.chown(record.uid, record.gid);
    await file.chmod(record.mode);
  }
  await file.utimes(record.accessedAtMs / 1000, record.modifiedAtMs / 1000);
}

function inTheWay(error: unknown): never {
  if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  throw new QuarantineError('in-the-way', 'a file is there now');
}

function fromSystem(error: unknown): QuarantineError {
  const { code, message } = error as NodeJS.ErrnoException;
  switch (code) {
    case 'ENOENT':
      return new QuarantineError('absent', 'it is not there any more');
    case 'EACCES':
    case 'EPERM':
    case 'EBUSY':
      return new QuarantineError('failed', `the system does not let it be touched (${code})`);
    case 'ENOSPC':
      return new QuarantineError('failed', 'the disk is full');
    default:
      return new QuarantineError('failed', code ?? message);
  }
}
