import { createHash } from 'node:crypto';
import { closeSync, openSync, readSync } from 'node:fs';
import { IocDocumentError } from '../../../shared/ioc/document-error.js';
import { MAX_DOCUMENT_BYTES, MAX_TASK_BYTES } from '../../../shared/ioc/limits.js';
import { parseIoc } from '../../../shared/ioc/parse.js';
import type { IocDocument } from '../../../shared/ioc/model.js';
import { chooseTaskDocuments } from '../../../shared/ioc/task-documents.js';
import type { ScanDocument } from '../scan-messages.js';

/** A document of a scan order, used or refused. */
export interface LoadedDocument {
  readonly hash: string;
  readonly document: IocDocument | undefined;
  /** Why it is not used; empty: it is. */
  readonly refused: string;
}

/** Reads all documents. One that is bad does not keep the others from being used. */
export function loadDocuments(orders: readonly ScanDocument[]): LoadedDocument[] {
  const hashes = new Set<string>();
  let bytes = 0;
  const loaded = orders.map(({ hash, path }): LoadedDocument & { readonly sizeBytes: number } => {
    const refuse = (refused: string) => ({ hash, document: undefined, refused, sizeBytes: 0 });
    if (hashes.has(hash)) return refuse('it is given twice; it counts once');
    hashes.add(hash);
    try {
      const content = readUpTo(path, MAX_DOCUMENT_BYTES + 1);
      if (createHash('sha256').update(content).digest('hex') !== hash.toLowerCase()) {
        return refuse('its content is not what it was when it was uploaded');
      }
      bytes += content.length;
      if (bytes > MAX_TASK_BYTES)
        return refuse(`the documents of one scan are larger than ${MAX_TASK_BYTES} bytes`);
      return { hash, document: parseIoc(content), refused: '', sizeBytes: content.length };
    } catch (error) {
      if (error instanceof IocDocumentError) return refuse(error.message);
      return refuse(`it cannot be read: ${(error as Error).message}`);
    }
  });
  return withoutDuplicates(loaded);
}

function withoutDuplicates(
  loaded: readonly (LoadedDocument & { readonly sizeBytes: number })[],
): LoadedDocument[] {
  const usable = loaded.flatMap(({ hash, document, sizeBytes }) =>
    document ? [{ hash, id: document.id, sizeBytes }] : [],
  );
  const reasons = new Map(
    chooseTaskDocuments(usable).dropped.map(({ document, reason }) => [document.hash, reason]),
  );
  return loaded.map(({ hash, document, refused }) => ({
    hash,
    document,
    refused: refused === '' ? (reasons.get(hash) ?? '') : refused,
  }));
}

/** A file that has become longer is not read to its end. */
function readUpTo(path: string, most: number): Buffer {
  const file = openSync(path, 'r');
  try {
    const buffer = Buffer.alloc(most);
    let filled = 0;
    for (let count = -1; count !== 0 && filled < most; filled += count) {
      count = readSync(file, buffer, filled, most - filled, null);
    }
    return buffer.subarray(0, filled);
  } finally {
    closeSync(file);
  }
}
