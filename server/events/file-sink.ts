import { open, stat, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { syncFolder } from '../../shared/durable-file.js';
import type { Event } from '../../shared/gen/cordon/v1/event_service.js';
import { toJsonLine } from '../../shared/siem/json-line.js';
import type { Sink } from './sink.js';

/** The group may read it: shippers of logs are not root. */
const MODE = 0o640;
const LINE_BREAK = 0x0a;

/**
 * JSON lines at the end of a file, on disk before `write` resolves. A file that was renamed or removed stays as it is, and a
 * new one takes its place; one that was emptied is written on from its start.
 */
export class FileSink implements Sink {
  readonly target: string;
  readonly most = 500;
  private file: FileHandle | undefined;

  /** @param path absolute, or relative to the working folder */
  constructor(private readonly path: string) {
    this.target = `event_file ${path}`;
  }

  /** Opens the file, so that a wrong setting shows at the start. @throws Error of the file system */
  async check(): Promise<void> {
    await this.opened();
  }

  async write(events: readonly Event[]): Promise<void> {
    try {
      const file = await this.opened();
      await file.appendFile(events.map((event) => `${toJsonLine(event)}\n`).join(''));
      await file.datasync();
    } catch (error) {
      // Part of a line may be there: opening it again ends that line.
      await this.drop();
      throw error;
    }
  }

  close(): void {
    void this.drop();
  }

  private async opened(): Promise<FileHandle> {
    if (this.file && !(await this.isThere(this.file))) await this.drop();
    return (this.file ??= await openAtEnd(this.path));
  }

  /** Whether the path still leads to this file. */
  private async isThere(file: FileHandle): Promise<boolean> {
    const [ours, there] = await Promise.all([file.stat(), stat(this.path).catch(() => undefined)]);
    return there !== undefined && there.ino === ours.ino && there.dev === ours.dev;
  }

  private async drop(): Promise<void> {
    const file = this.file;
    this.file = undefined;
    await file?.close().catch(() => undefined);
  }
}

/** A line that a crash has cut is ended first: its event comes again, on a line of its own. */
async function openAtEnd(path: string): Promise<FileHandle> {
  const known = await stat(path).catch(() => undefined);
  // Opening a pipe would wait for its reader.
  if (known && !known.isFile()) throw new Error(`${path} is not a file`);
  const file = await open(path, 'a+', MODE);
  try {
    const { size } = await file.stat();
    if (size === 0) syncFolder(dirname(path));
    else {
      const last = Buffer.alloc(1);
      await file.read(last, 0, 1, size - 1);
      if (last[0] !== LINE_BREAK) await file.appendFile('\n');
    }
    return file;
  } catch (error) {
    await file.close();
    throw error;
  }
}
