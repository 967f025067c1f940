import type { CancelTimer, Clock } from '../../shared/clock.js';
import type { CordonError } from '../../shared/errors.js';
import type { FewAtATime } from '../../shared/few-at-a-time.js';
import type { IocDocumentContent } from '../../shared/gen/cordon/v1/agent_service.js';
import type { Logger } from '../../shared/log.js';
import { documentContent } from '../ioc/documents.js';
import { documentsOfDevice } from '../scans/specs.js';
import type { Store } from '../store/store.js';
import { slowConsumer, violation } from './refusals.js';
import type { Writer } from './writer.js';

/** Most hashes in one request (proto/cordon/v1/agent_service.proto). */
const MOST_REQUESTED = 100;
/** Most unanswered hashes of one stream: as many as one scan has. */
const MOST_WAITING = 1000;
/** An agent that does not take a document for this long is cut and resumes, milliseconds. */
const TAKEN_WITHIN_MS = 120_000;
const HASH_BYTES = 32;

/** Documents on their way to all agents together: each holds up to 2 MiB until its agent has read it. */
export const DOCUMENTS_UNDER_WAY = 32;

export interface DocumentSenderDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Logger;
  /** Shared by all streams. */
  readonly documents: FewAtATime;
}

/**
 * Answers one agent's requests for indicator documents, one at a time: the next is read from the store when the one before
 * has left. Lifetime: that of its stream, until `close`.
 */
export class DocumentSender {
  private readonly waiting: string[] = [];
  private allowed: ReadonlySet<string> = new Set();
  private working = false;
  private closed = false;
  private left = (): void => undefined;

  /** @param tooSlow called once when the agent does not keep up */
  constructor(
    private readonly deps: DocumentSenderDeps,
    private readonly writer: Writer,
    private readonly deviceId: string,
    private readonly tooSlow: (error: CordonError) => void,
  ) {}

  /**
   * Takes a request. Only documents that an unfinished scan of this device names are sent.
   * @throws CordonError PROTOCOL_VIOLATION
   */
  async request(hashes: readonly Buffer[]): Promise<void> {
    if (hashes.length > MOST_REQUESTED) {
      throw violation(`ioc_document_request.hashes has more than ${MOST_REQUESTED} entries`);
    }
    if (hashes.some(({ length }) => length !== HASH_BYTES)) {
      throw violation('ioc_document_request.hashes has an entry that is no SHA-256');
    }
    if (this.waiting.length + hashes.length > MOST_WAITING) {
      throw violation(`more than ${MOST_WAITING} documents are asked for and not yet sent`);
    }
    this.allowed = await documentsOfDevice(this.deps.store.read, this.deviceId);
    this.waiting.push(...hashes.map((hash) => hash.toString('hex')));
    void this.work();
  }

  close(): void {
    this.closed = true;
    this.waiting.length = 0;
    this.left();
  }

  private async work(): Promise<void> {
    if (this.working) return;
    this.working = true;
    try {
      for (let hash = this.waiting.shift(); hash !== undefined; hash = this.waiting.shift()) {
        const wanted = hash;
        await this.deps.documents.run(() => this.send(wanted));
      }
    } finally {
      this.working = false;
    }
  }

  /** Resolves when the document has left, or the stream has ended. */
  private async send(hash: string): Promise<void> {
    const value = await this.answer(hash);
    if (this.closed) return;
    let cancel: CancelTimer = () => undefined;
    await new Promise<void>((resolve) => {
      this.left = resolve;
      cancel = this.deps.clock.after(TAKEN_WITHIN_MS, () =>
        this.tooSlow(slowConsumer(`did not take a document for ${TAKEN_WITHIN_MS / 1000} s`)),
      );
      this.writer.outbox.setLarge({ message: { $case: 'iocDocumentContent', value }, written: resolve });
      this.writer.pump();
    });
    cancel();
  }

  private async answer(hash: string): Promise<IocDocumentContent> {
    const refused = (error: string): IocDocumentContent => ({
      hash: Buffer.from(hash, 'hex'),
      content: Buffer.alloc(0),
      error,
    });
    if (!this.allowed.has(hash)) return refused('no scan of this device names the document');
    try {
      const content = await documentContent(this.deps.store.read, hash);
      return content
        ? { hash: Buffer.from(hash, 'hex'), content, error: '' }
        : refused('the document was deleted');
    } catch (error) {
      this.deps.log.error({ err: error, hash }, 'an indicator document could not be read');
      return refused('the server could not read the document; ask again later');
    }
  }
}
