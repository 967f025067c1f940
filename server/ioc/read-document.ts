import { Worker } from 'node:worker_threads';
import { invalid } from '../../shared/errors.js';
import { FewAtATime } from '../../shared/few-at-a-time.js';
import type { IocDocument } from '../../shared/gen/cordon/v1/ioc.js';
import type { ReadingAnswer, ReadingOrder } from './reading-thread.js';

/** Longest time for one document, milliseconds: below the deadline of the call that waits for it. */
const READ_WITHIN_MS = 20_000;
/** Heap of one thread, MiB. */
const HEAP_MIB = 512;
/** Documents that are read at the same time. */
const AT_ONCE = 2;

const few = new FewAtATime(AT_ONCE);

/**
 * Reads an indicator document in a thread of its own: a large one takes seconds of a processor, during which every stream
 * would stand still, and one made to take for ever, or all memory, ends with the thread.
 * @returns the contract's view of it; who uploaded it and when is left open
 * @param field path of the content in the request, for the error
 * @throws CordonError INVALID_FIELD when the document cannot be used, with the line if there is one
 */
export async function readDocument(order: ReadingOrder, field: string): Promise<IocDocument> {
  const answer = await few.run(() => inThread(order));
  switch (answer.kind) {
    case 'described':
      return { ...answer.document, hash: Buffer.from(order.source.hash) };
    case 'refused':
      throw invalid([{ field, description: answer.message }]);
  }
}

function inThread(order: ReadingOrder): Promise<ReadingAnswer> {
  const worker = new Worker(new URL('./reading-thread.js', import.meta.url), {
    workerData: order,
    resourceLimits: { maxOldGenerationSizeMb: HEAP_MIB },
  });
  return new Promise<ReadingAnswer>((resolve, reject) => {
    const deadline = setTimeout(() => {
      resolve({ kind: 'refused', message: `could not be read within ${READ_WITHIN_MS / 1000} s` });
    }, READ_WITHIN_MS);
    worker.once('message', resolve);
    worker.once('error', (error: Error & { code?: string }) => {
      if (error.code !== 'ERR_WORKER_OUT_OF_MEMORY') reject(error);
      resolve({ kind: 'refused', message: `takes more than ${HEAP_MIB} MiB of memory to read` });
    });
    worker.once('exit', () => {
      clearTimeout(deadline);
      reject(new Error('the thread that reads a document ended without an answer'));
    });
  }).finally(() => worker.terminate());
}
