import { constants, lstatSync, realpathSync, unlinkSync, type BigIntStats } from 'node:fs';
import { open, readlink, type FileHandle } from 'node:fs/promises';
import { posix, win32 } from 'node:path';
import { QuarantineError } from './error.js';

/** Absent on Windows. */
const NOFOLLOW = (constants.O_NOFOLLOW as number | undefined) ?? 0;
const NONBLOCK = (constants.O_NONBLOCK as number | undefined) ?? 0;
const ON_LINUX = process.platform === 'linux';

/**
 * The folder of a file, held open: whatever is moved or linked in its place afterwards, names are looked up in this one. On
 * Windows, where that cannot be had, links on the way are looked for before each step.
 */
export class HeldFolder {
  private constructor(
    private readonly path: string,
    private readonly handle: FileHandle | undefined,
  ) {}

  /** @throws QuarantineError where a link is on the way; Error of the file system */
  static async open(path: string): Promise<HeldFolder> {
    if (!ON_LINUX) {
      const folder = new HeldFolder(path, undefined);
      folder.checkLinks();
      return folder;
    }
    const handle = await open(path, constants.O_RDONLY | constants.O_DIRECTORY | NOFOLLOW).catch(linkProblem);
    if ((await readlink(`/proc/self/fd/${handle.fd}`)) !== path) {
      await handle.close();
      throw onTheWay();
    }
    return new HeldFolder(path, handle);
  }

  /** Opens a file in it to be read: not a link, and without waiting for whoever is at the other end of a pipe. */
  openFile(name: string): Promise<FileHandle> {
    return open(this.entry(name), constants.O_RDONLY | NOFOLLOW | NONBLOCK).catch(linkProblem);
  }

  /** Makes a file that is not there yet, for nobody but the agent at first. */
  createFile(name: string): Promise<FileHandle> {
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | NOFOLLOW;
    return open(this.entry(name), flags, 0o600);
  }

  /** What stands under a name now, links not followed; undefined: nothing. */
  look(name: string): BigIntStats | undefined {
    return lstatSync(this.entry(name), { bigint: true, throwIfNoEntry: false });
  }

  unlink(name: string): void {
    unlinkSync(this.entry(name));
  }

  /** Makes what was made or removed in it durable. */
  async sync(): Promise<void> {
    await this.handle?.sync();
  }

  async close(): Promise<void> {
    await this.handle?.close();
  }

  private entry(name: string): string {
    if (this.handle) return posix.join(`/proc/self/fd/${this.handle.fd}`, name);
    this.checkLinks();
    return (process.platform === 'win32' ? win32 : posix).join(this.path, name);
  }

  /** On Windows by Node's own way, name by name: the system's would take short names for links, and Wine's ends at 260 characters. */
  private checkLinks(): void {
    const same =
      process.platform === 'win32'
        ? realpathSync(this.path).toLowerCase() === this.path.toLowerCase()
        : realpathSync(this.path) === this.path;
    if (!same) throw onTheWay();
  }
}

function onTheWay(): QuarantineError {
  return new QuarantineError('refused', 'a link is on the way to it');
}

function linkProblem(error: unknown): never {
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'ELOOP') throw new QuarantineError('refused', 'it is a link');
  if (code === 'ENOTDIR') throw onTheWay();
  throw error;
}
