import { IocFormat, type IocDocument as DocumentMessage } from '../gen/cordon/v1/ioc.js';
import { MAX_PROBLEMS } from './limits.js';
import { ITEM_TYPES, type DocumentFormat, type IocDocument, type IocTerm, type ItemType } from './model.js';

const FORMATS: Readonly<Record<DocumentFormat, IocFormat>> = {
  'openioc-1.0': IocFormat.IOC_FORMAT_OPENIOC_1_0,
  'openioc-1.1': IocFormat.IOC_FORMAT_OPENIOC_1_1,
  'stix-2.1': IocFormat.IOC_FORMAT_STIX_2_1,
};

/** What is known of a document's content beside what it says. */
export interface DocumentSource {
  /** SHA-256, 32 bytes. */
  readonly hash: Uint8Array;
  readonly fileName: string;
  readonly sizeBytes: number;
}

/** What the contract tells of a parsed document. Who uploaded it and when is left open. */
export function describeDocument(document: IocDocument, source: DocumentSource): DocumentMessage {
  const terms = [...termsOf(document)].filter(({ test }) => test.kind !== 'never');
  const types = new Set<ItemType | undefined>(terms.map(({ itemType }) => itemType));
  return {
    hash: Buffer.from(source.hash),
    documentId: document.id,
    displayName: document.name === '' ? source.fileName : document.name,
    description: document.description,
    format: FORMATS[document.format],
    fileName: source.fileName,
    sizeBytes: BigInt(source.sizeBytes),
    indicatorCount: terms.length,
    itemTypes: ITEM_TYPES.filter((type) => types.has(type)),
    problems: document.problems.slice(0, MAX_PROBLEMS).map((problem) => ({ ...problem })),
    problemsOmitted: Math.max(0, document.problems.length - MAX_PROBLEMS),
    uploadedBy: '',
    uploadedAt: undefined,
  };
}

/** All terms of a document in reading order, those that count as no match too. */
export function* termsOf({ root }: IocDocument): Generator<IocTerm> {
  const left: (IocTerm | IocDocument['root'])[] = [root];
  for (let next = left.pop(); next !== undefined; next = left.pop()) {
    if (next.kind === 'term') yield next;
    else for (const child of next.children.toReversed()) left.push(child);
  }
}
