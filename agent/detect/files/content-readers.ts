import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { decodeAnswer, type ReaderAnswer, type ReaderSettings } from './content-messages.js';
import type { Gate } from './gate.js';
import type { Content, ContentJob } from './read-content.js';

const PROGRAM = fileURLToPath(new URL('./content-worker.js', import.meta.url));

/** Reads files for a scan. */
export interface ContentReaders {
  /** How many batches it works on at the same time. */
  readonly width: number;
  /** @returns what came of the jobs, in their order. @throws Error if a thread ended */
  read(jobs: readonly ContentJob[]): Promise<readonly Content[]>;
  /** Ends the threads; what they read is lost. */
  close(): Promise<void>;
}

interface Batch {
  readonly jobs: readonly ContentJob[];
  readonly resolve: (contents: readonly Content[]) => void;
  readonly reject: (error: Error) => void;
}

/** How many batches a thread has at a time: it never waits for its next one. */
const BATCHES_EACH = 2;

/** Threads that read files, begun with the first batch. */
export class ContentThreads implements ContentReaders {
  private readonly threads: { readonly worker: Worker; readonly batches: Batch[] }[] = [];
  private readonly waiting: Batch[] = [];

  /** @param width how many threads, 1 and up */
  constructor(
    readonly width: number,
    private readonly settings: ReaderSettings,
    private readonly gate: Gate,
  ) {}

  read(jobs: readonly ContentJob[]): Promise<readonly Content[]> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ jobs, resolve, reject });
      this.give();
    });
  }

  async close(): Promise<void> {
    this.gate.stop();
    await Promise.all(this.threads.map(({ worker }) => worker.terminate()));
  }

  private give(): void {
    while (this.waiting.length > 0) {
      const thread = this.leastBusy();
      if (!thread) return;
      const batch = this.waiting.shift();
      if (!batch) return;
      thread.batches.push(batch);
      thread.worker.postMessage(batch.jobs);
    }
  }

  private leastBusy() {
    const idle = this.threads.find(({ batches }) => batches.length === 0);
    if (idle) return idle;
    if (this.threads.length < this.width) return this.begin();
    return this.threads.find(({ batches }) => batches.length < BATCHES_EACH);
  }

  private begin() {
    const worker = new Worker(PROGRAM, { workerData: this.settings });
    const thread = { worker, batches: [] as Batch[] };
    this.threads.push(thread);
    worker.on('message', (answer: ReaderAnswer) => {
      thread.batches.shift()?.resolve(decodeAnswer(answer));
      this.give();
    });
    const fail = (error: Error): void => {
      for (const { reject } of thread.batches.splice(0)) reject(error);
    };
    worker.on('error', fail);
    worker.on('exit', () => fail(new Error('a thread that reads files has ended')));
    return thread;
  }
}
