import { appendFileSync, closeSync, fstatSync, fsyncSync, openSync, readSync, truncateSync } from 'node:fs';
import { dirname } from 'node:path';
import { readBytesIfThere, syncFolder, writeDurably } from '../shared/durable-file.js';

/**
 * A file of JSON lines that only grows, until it is rewritten. Each line is safe against a crash when `append` returns.
 * The file is opened for each line and closed again: idle agents hold no descriptor.
 */
export class AppendLog {
  private lines = 0;
  private bytes = 0;

  constructor(private readonly path: string) {}

  /** Every line that was written whole. A torn last line, from a crash in the middle of a write, is cut off. */
  read(): unknown[] {
    const content = readBytesIfThere(this.path);
    if (!content) return [];
    const whole = content.lastIndexOf(0x0a) + 1;
    if (whole < content.length) truncateSync(this.path, whole);
    const lines = content.subarray(0, whole).toString('utf8').split('\n').slice(0, -1);
    this.lines = lines.length;
    this.bytes = whole;
    return lines.flatMap((line) => {
      try {
        return [JSON.parse(line) as unknown];
      } catch {
        return [];
      }
    });
  }

  append(record: unknown): void {
    const isNew = this.lines === 0 && readBytesIfThere(this.path) === undefined;
    if (isNew) writeDurably(this.path, '', 0o600);
    const file = openSync(this.path, 'a+', 0o600);
    try {
      // A full disk may have torn the line before; it must not take this one with it.
      const line = Buffer.from(`${endsInLine(file) ? '\n' : ''}${JSON.stringify(record)}\n`);
      appendFileSync(file, line);
      this.bytes += line.length;
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    if (isNew) syncFolder(dirname(this.path));
    this.lines += 1;
  }

  /** Lines in the file; when they are many more than what is alive, it is time to rewrite. */
  get length(): number {
    return this.lines;
  }

  /** Size of the file, bytes. */
  get size(): number {
    return this.bytes;
  }

  /** Replaces the content in one step. */
  rewrite(records: readonly unknown[]): void {
    const content = Buffer.from(records.map((record) => `${JSON.stringify(record)}\n`).join(''));
    writeDurably(this.path, content, 0o600);
    this.lines = records.length;
    this.bytes = content.length;
  }
}

/** Whether the last line of a file has no end. */
function endsInLine(file: number): boolean {
  const { size } = fstatSync(file);
  const last = Buffer.alloc(1);
  return size > 0 && readSync(file, last, 0, 1, size - 1) === 1 && last[0] !== 0x0a;
}
