import type { Selectable } from 'kysely';
import { IocDocument } from '../../shared/gen/cordon/v1/ioc.js';
import { newId } from '../../shared/ids.js';
import { inChunks } from '../store/chunks.js';
import type { IocDocumentsTable } from '../store/scan-tables.js';
import type { Reader, Tx } from '../store/store.js';

/** Limits on what is stored. */
export const DOCUMENT_BOUNDS = {
  documents: 10_000,
  /** All contents together. */
  bytes: 1024 * 1024 * 1024,
} as const;

/** A stored document without its content and its problems. */
export type DocumentRow = Omit<Selectable<IocDocumentsTable>, 'content' | 'problems_proto'>;

const COLUMNS = ['hash', 'upload_id', 'document_id', 'size_bytes', 'document_proto'] as const;

/** Content of a document; undefined: there is none with this hash. */
export async function documentContent(db: Reader, hash: string): Promise<Buffer | undefined> {
  const row = await db
    .selectFrom('ioc_documents')
    .select('content')
    .where('hash', '=', hash)
    .executeTakeFirst();
  return row && Buffer.from(row.content);
}

/** The contract's view of a document, with its problems; undefined: there is none with this hash. */
export async function findDocument(db: Reader, hash: string): Promise<IocDocument | undefined> {
  const row = await db
    .selectFrom('ioc_documents')
    .select(['document_proto', 'problems_proto'])
    .where('hash', '=', hash)
    .executeTakeFirst();
  if (!row) return undefined;
  const document = IocDocument.decode(row.document_proto);
  const { problems } = IocDocument.decode(row.problems_proto);
  return { ...document, problems, problemsOmitted: document.problemsOmitted - problems.length };
}

/** Documents by hash, in the order of `hashes`; one that is not there is left out. */
export async function findDocuments(db: Reader, hashes: readonly string[]): Promise<DocumentRow[]> {
  const found = new Map<string, DocumentRow>();
  for (const chunk of inChunks(hashes)) {
    const rows = await db.selectFrom('ioc_documents').select(COLUMNS).where('hash', 'in', chunk).execute();
    for (const row of rows) found.set(row.hash, row);
  }
  return hashes.flatMap((hash) => found.get(hash) ?? []);
}

/**
 * Documents, newest first.
 * @param before upload id of the last one before the first; undefined: from the newest
 */
export function listDocuments(db: Reader, before: string | undefined, limit: number): Promise<DocumentRow[]> {
  let query = db.selectFrom('ioc_documents').select(COLUMNS).orderBy('upload_id', 'desc').limit(limit);
  if (before !== undefined) query = query.where('upload_id', '<', before);
  return query.execute();
}

/** Why no more can be stored; undefined: there is room. */
export async function noRoomFor(db: Reader, bytes: number): Promise<string | undefined> {
  const { count, sum } = await db
    .selectFrom('ioc_documents')
    .select((row) => [
      row.fn.countAll<number>().as('count'),
      row.fn.sum<number | null>('size_bytes').as('sum'),
    ])
    .executeTakeFirstOrThrow();
  const most = DOCUMENT_BOUNDS;
  if (Number(count) >= most.documents) return `${most.documents} documents are stored, which is the limit`;
  if (Number(sum ?? 0) + bytes > most.bytes) {
    return `the documents would take more than ${most.bytes / 2 ** 20} MiB together, which is the limit`;
  }
  return undefined;
}

/** Stores a document that is not there. */
export async function insertDocument(tx: Tx, document: IocDocument, content: Uint8Array): Promise<void> {
  const { problems, ...rest } = document;
  // A record that is shown without them says how many there are.
  const problemsOmitted = document.problemsOmitted + problems.length;
  await tx
    .insertInto('ioc_documents')
    .values({
      hash: document.hash.toString('hex'),
      upload_id: newId(),
      document_id: document.documentId,
      size_bytes: content.length,
      document_proto: IocDocument.encode({ ...rest, problems: [], problemsOmitted }).finish(),
      problems_proto: IocDocument.encode(IocDocument.fromPartial({ problems })).finish(),
      content,
    })
    .execute();
}
