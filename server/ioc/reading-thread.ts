import { parentPort, workerData } from 'node:worker_threads';
import { IocDocumentError } from '../../shared/ioc/document-error.js';
import { describeDocument, type Description } from './describe-document.js';

/** What the thread is given. */
export interface ReadingOrder {
  readonly content: Uint8Array;
  readonly fileName: string;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** What it answers, once. */
export type ReadingAnswer =
  | { readonly kind: 'described'; readonly description: Description }
  /** The document cannot be used. */
  | { readonly kind: 'refused'; readonly message: string };

function answer({ content, fileName, now }: ReadingOrder): ReadingAnswer {
  try {
    return { kind: 'described', description: describeDocument(content, fileName, now) };
  } catch (error) {
    if (!(error instanceof IocDocumentError)) throw error;
    return { kind: 'refused', message: error.message };
  }
}

parentPort?.postMessage(answer(workerData as ReadingOrder));
