import { appendFileSync, statSync } from 'node:fs';
import { renameOver } from '../../shared/rename-over.js';

/** A full file makes room; the one before stays beside it as `.1`. */
const LARGEST_BYTES = 8 * 1024 * 1024;

/**
 * A log for a process without a console. It is opened for each line, so that it can be read, moved and removed at any time.
 * A line that cannot be written is lost: nothing waits for a log.
 */
export class LogFile {
  private size: number | undefined;

  constructor(
    private readonly path: string,
    private readonly largestBytes = LARGEST_BYTES,
  ) {}

  write(line: string): void {
    try {
      this.size ??= statSync(this.path, { throwIfNoEntry: false })?.size ?? 0;
      if (this.size > this.largestBytes) {
        renameOver(this.path, `${this.path}.1`);
        this.size = 0;
      }
      appendFileSync(this.path, line, { mode: 0o600 });
      this.size += Buffer.byteLength(line);
    } catch {
      this.size = undefined;
    }
  }
}
