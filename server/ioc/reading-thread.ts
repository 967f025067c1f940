import { parentPort, workerData } from 'node:worker_threads';
import type { IocDocument } from '../../shared/gen/cordon/v1/ioc.js';
import { describeDocument, type DocumentSource } from '../../shared/ioc/describe.js';
import { IocDocumentError } from '../../shared/ioc/document-error.js';
import { parseIoc } from '../../shared/ioc/parse.js';

/** What the thread is given. */
export interface ReadingOrder {
  readonly content: Uint8Array;
  readonly source: DocumentSource;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** What it answers, once. */
export type ReadingAnswer =
  /** Bytes are Uint8Array: they have crossed to another thread. */
  | { readonly kind: 'described'; readonly document: Omit<IocDocument, 'hash'> }
  /** The document cannot be used. */
  | { readonly kind: 'refused'; readonly message: string };

function answer({ content, source, now }: ReadingOrder): ReadingAnswer {
  try {
    return { kind: 'described', document: describeDocument(parseIoc(content, now), source) };
  } catch (error) {
    if (!(error instanceof IocDocumentError)) throw error;
    return { kind: 'refused', message: error.message };
  }
}

parentPort?.postMessage(answer(workerData as ReadingOrder));
