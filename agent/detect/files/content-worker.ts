import { parentPort, workerData } from 'node:worker_threads';
import { encodeAnswer, type ReaderJob, type ReaderSettings } from './content-messages.js';
import { Gate } from './gate.js';
import { readContent } from './read-content.js';

/** A thread that reads and hashes files: calls that block are the fastest ones, and here they hold nobody up. */

/** Files up to this size are read in one call and hashed in one. */
const BUFFER_BYTES = 1024 * 1024;

const { memory, bytesPerSecond, maxBytes, programTerms } = workerData as ReaderSettings;
const gate = new Gate(memory, bytesPerSecond);
const limits = {
  maxBytes,
  programTerms: new Set(programTerms),
  pass: (bytes: number): boolean => gate.pass(bytes),
};
const buffer = Buffer.allocUnsafeSlow(BUFFER_BYTES);

parentPort?.on('message', (jobs: readonly ReaderJob[]) => {
  const contents = jobs.map(({ path, needs }) =>
    readContent(
      {
        path: typeof path === 'string' ? path : Buffer.from(path.buffer, path.byteOffset, path.byteLength),
        needs,
      },
      limits,
      buffer,
    ),
  );
  parentPort?.postMessage(encodeAnswer(contents));
});
