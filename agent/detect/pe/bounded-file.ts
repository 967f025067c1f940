import { readSync } from 'node:fs';

const PAGE = 16 * 1024;
/** Pages that are read from one file: 16 MiB at most. */
const MOST_READS = 1024;
/** Characters of text that are made of one file: many names may stand for the same long text. */
const MOST_TEXT = 8 * 1024 * 1024;
/** Pages that are kept. */
const MOST_PAGES = 32;

/**
 * Pieces of an open file, read page by page within limits that no content of the file can move. What lies outside of the
 * file, or comes after the last read that is allowed, is `undefined`.
 */
export class BoundedFile {
  private readonly pages = new Map<number, Buffer>();
  private reads = 0;
  private textLeft = MOST_TEXT;

  /** @param size of the file, bytes */
  constructor(
    private readonly file: number,
    readonly size: number,
  ) {}

  /** @throws Error of the file system when the file cannot be read */
  bytes(offset: number, length: number): Buffer | undefined {
    if (offset < 0 || length < 0 || offset + length > this.size) return undefined;
    const first = Math.floor(offset / PAGE);
    const last = Math.floor((offset + Math.max(length, 1) - 1) / PAGE);
    const pieces: Buffer[] = [];
    for (let index = first; index <= last; index += 1) {
      const page = this.page(index);
      if (!page) return undefined;
      pieces.push(page);
    }
    const start = offset - first * PAGE;
    const found = (pieces.length === 1 ? pieces[0] : Buffer.concat(pieces))?.subarray(start, start + length);
    // The file has become shorter since its size was asked for.
    return found?.length === length ? found : undefined;
  }

  uint16(offset: number): number | undefined {
    return this.bytes(offset, 2)?.readUInt16LE();
  }

  uint32(offset: number): number | undefined {
    return this.bytes(offset, 4)?.readUInt32LE();
  }

  /** Text of one byte a character up to a zero; undefined when it is longer than `most`. */
  text(offset: number, most: number): string | undefined {
    const bytes = this.bytes(offset, Math.min(most + 1, this.size - offset));
    const end = bytes?.indexOf(0) ?? -1;
    if (!bytes || end === -1 || end > this.textLeft) return undefined;
    this.textLeft -= end;
    return bytes.toString('latin1', 0, end);
  }

  private page(index: number): Buffer | undefined {
    const known = this.pages.get(index);
    if (known) return known;
    if (this.reads === MOST_READS) return undefined;
    this.reads += 1;
    const page = Buffer.alloc(PAGE);
    const read = readSync(this.file, page, 0, PAGE, index * PAGE);
    const [oldest] = this.pages.keys();
    if (this.pages.size === MOST_PAGES && oldest !== undefined) this.pages.delete(oldest);
    this.pages.set(index, page.subarray(0, read));
    return page.subarray(0, read);
  }
}
