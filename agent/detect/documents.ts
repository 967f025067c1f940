import { createHash } from 'node:crypto';
import { rmSync, statSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { Subject, type Observable } from 'rxjs';
import type { Clock } from '../../shared/clock.js';
import { writeDurably } from '../../shared/durable-file.js';
import type { Logger } from '../../shared/log.js';
import { readFolderIfThere } from '../read-folder.js';

/** Name of the folder below the data folder. */
export const DOCUMENTS_FOLDER = 'documents';
/** All documents together, bytes. */
const MOST_BYTES = 64 * 1024 * 1024;
const LONGEST_REFUSAL = 500;

export interface DocumentsParts {
  readonly dataDir: string;
  readonly clock: Clock;
  readonly log: Logger;
  /** SHA-256, hex, of what open commands need. */
  readonly needed: () => ReadonlySet<string>;
  /** Bytes that all documents together may take. Default 64 MiB. */
  readonly mostBytes?: number;
}

/** Indicator documents on this device, by the SHA-256 of their content, hex. */
export class Documents {
  private readonly folder: string;
  private readonly sizes = new Map<string, number>();
  private readonly refused = new Map<string, string>();
  private readonly changed = new Subject<void>();

  constructor(private readonly parts: DocumentsParts) {
    this.folder = join(parts.dataDir, DOCUMENTS_FOLDER);
    const files = readFolderIfThere(this.folder).map((name) => ({
      name,
      stat: statSync(join(this.folder, name)),
    }));
    // Least recently used first, as eviction wants them.
    files.sort((a, b) => a.stat.mtimeMs - b.stat.mtimeMs);
    for (const { name, stat } of files) {
      if (/^[0-9a-f]{64}$/.test(name)) this.sizes.set(name, stat.size);
      // What a crash left.
      else rmSync(join(this.folder, name), { force: true });
    }
  }

  /** Emits when one has come or was refused: scans may wait for it. */
  get changes(): Observable<void> {
    return this.changed;
  }

  has(hash: string): boolean {
    return this.sizes.has(hash);
  }

  /** Why there is no hope for a document; undefined: it is there, or may come yet. */
  refusal(hash: string): string | undefined {
    return this.has(hash) ? undefined : this.refused.get(hash);
  }

  /** What open commands need and what is neither here nor refused. */
  missing(): string[] {
    return [...this.parts.needed()].filter((hash) => !this.has(hash) && !this.refused.has(hash));
  }

  /** File with its content. It counts as used now. */
  use(hash: string): string {
    const path = join(this.folder, hash);
    const size = this.sizes.get(hash);
    if (size !== undefined) {
      this.sizes.delete(hash);
      this.sizes.set(hash, size);
      const now = this.parts.clock.wall() / 1000;
      utimesSync(path, now, now);
    }
    return path;
  }

  /** Keeps what the server has sent. What nobody needs, and what is not what it should be, is not kept. */
  take(hash: string, content: Buffer): void {
    if (!this.parts.needed().has(hash) || this.has(hash)) return;
    if (createHash('sha256').update(content).digest('hex') !== hash) {
      return this.refuse(hash, 'what the server sent is not the document');
    }
    if (!this.makeRoom(content.length)) {
      return this.refuse(hash, 'the documents of the commands that wait take all the room that there is');
    }
    try {
      writeDurably(join(this.folder, hash), content, 0o600);
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      return this.refuse(hash, `this device cannot keep it: ${code ?? message}`);
    }
    this.sizes.set(hash, content.length);
    this.use(hash);
    this.refused.delete(hash);
    this.changed.next();
  }

  /** The server does not have it, or it cannot be kept. */
  refuse(hash: string, reason: string): void {
    if (!this.parts.needed().has(hash)) return;
    this.parts.log.warn({ document: hash, reason }, 'an indicator document is not to be had');
    for (const known of this.refused.keys()) if (!this.parts.needed().has(known)) this.refused.delete(known);
    this.refused.set(hash, reason.slice(0, LONGEST_REFUSAL));
    this.changed.next();
  }

  private makeRoom(bytes: number): boolean {
    const { needed, mostBytes = MOST_BYTES } = this.parts;
    let total = [...this.sizes.values()].reduce((sum, size) => sum + size, bytes);
    for (const [hash, size] of this.sizes) {
      if (total <= mostBytes) return true;
      if (needed().has(hash)) continue;
      rmSync(join(this.folder, hash), { force: true });
      this.sizes.delete(hash);
      total -= size;
    }
    return total <= mostBytes;
  }
}
