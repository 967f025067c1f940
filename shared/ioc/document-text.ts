import { overLimit } from './document-error.js';
import { MAX_DOCUMENT_ID_LENGTH } from './limits.js';

/** Collects pieces of text and keeps no more than it may. */
export class BoundedText {
  private readonly pieces: string[] = [];
  private length = 0;

  /** @param most how much is kept, UTF-16 code units */
  constructor(private readonly most: number) {}

  add(piece: string): void {
    const kept = piece.slice(0, this.most - this.length);
    if (kept === '') return;
    this.pieces.push(kept);
    this.length += kept.length;
  }

  toString(): string {
    return this.pieces.join('');
  }
}

/** A title or description on one line, at most `most` characters. */
export function shortened(text: string, most: number): string {
  const line = text.replace(/\s+/g, ' ').trim();
  return line.length <= most ? line : [...line.slice(0, 2 * most)].slice(0, most).join('');
}

/**
 * The id that a document gives itself, without space around it; empty: it gives none.
 * @throws IocDocumentError when it is too long to be kept
 */
export function documentId(id: string, line?: number): string {
  const bare = id.trim();
  if (bare.length <= MAX_DOCUMENT_ID_LENGTH) return bare;
  throw overLimit(`the document's id is longer than ${MAX_DOCUMENT_ID_LENGTH} characters`, line);
}
