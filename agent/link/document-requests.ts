import type { IocDocumentContent, IocDocumentRequest } from '../../shared/gen/cordon/v1/agent_service.js';
import type { Documents } from '../detect/documents.js';

/** The server answers one by one; so many are asked for at a time. */
const AT_A_TIME = 100;

/** Asks for indicator documents on one stream: each that is missing once, the next ones when the answers are there. */
export class DocumentRequests {
  private readonly asked = new Set<string>();
  private readonly awaited = new Set<string>();

  constructor(private readonly documents: Pick<Documents, 'missing' | 'take' | 'refuse'>) {}

  /** What to ask for now; undefined: nothing, or answers are awaited. */
  next(): IocDocumentRequest | undefined {
    if (this.awaited.size > 0) return undefined;
    const hashes = this.documents
      .missing()
      .filter((hash) => !this.asked.has(hash))
      .slice(0, AT_A_TIME);
    for (const hash of hashes) {
      this.asked.add(hash);
      this.awaited.add(hash);
    }
    if (hashes.length === 0) return undefined;
    return { hashes: hashes.map((hash) => Buffer.from(hash, 'hex')) };
  }

  /** Takes an answer. What was not asked for is ignored. */
  answer({ hash, content, error }: IocDocumentContent): void {
    const name = hash.toString('hex');
    if (!this.awaited.delete(name)) return;
    if (error === '') this.documents.take(name, content);
    else this.documents.refuse(name, error);
  }
}
