import { hash as digest } from 'node:crypto';
import { status } from '@grpc/grpc-js';
import type { Clock } from '../../shared/clock.js';
import { CordonError, invalid } from '../../shared/errors.js';
import { ErrorReason } from '../../shared/gen/cordon/v1/error.js';
import type {
  DeleteIocDocumentRequest,
  DeleteIocDocumentResponse,
  GetIocDocumentRequest,
  GetIocDocumentResponse,
  ListIocDocumentsRequest,
  ListIocDocumentsResponse,
  UploadIocDocumentRequest,
  UploadIocDocumentResponse,
} from '../../shared/gen/cordon/v1/ioc_document_service.js';
import { IocDocument } from '../../shared/gen/cordon/v1/ioc.js';
import { Role } from '../../shared/gen/cordon/v1/operator_service.js';
import { MAX_DOCUMENT_BYTES } from '../../shared/ioc/limits.js';
import { toTimestamp } from '../../shared/time.js';
import {
  documentContent,
  findDocument,
  findDocuments,
  insertDocument,
  listDocuments,
  noRoomFor,
} from '../ioc/documents.js';
import { readDocument } from '../ioc/read-document.js';
import { scansWithDocument } from '../scans/specs.js';
import { decodeTask } from '../scans/tasks.js';
import { appendAudit } from '../store/audit.js';
import type { Reader, Store, Tx } from '../store/store.js';
import type { Handlers } from './handlers.js';
import { page, pageSize, pageStart, sizeThatFits } from './page.js';
import type { Mutation, Query } from './rpc.js';
import { notFound, requireText } from './validate.js';

export interface IocDocumentServiceDeps {
  readonly store: Store;
  readonly clock: Clock;
}

const LONGEST_FILE_NAME = 255;
const HASH_BYTES = 32;
/** How many tasks an error names. */
const SHOWN = 3;

export function iocDocumentService(deps: IocDocumentServiceDeps): Handlers {
  return {
    uploadIocDocument: upload(deps),
    getIocDocument: get(deps.store.read),
    listIocDocuments: list(deps.store.read),
    deleteIocDocument: remove(deps),
  };
}

function upload({
  store,
  clock,
}: IocDocumentServiceDeps): Mutation<
  UploadIocDocumentRequest,
  UploadIocDocumentResponse,
  IocDocument | undefined
> {
  return {
    kind: 'mutation',
    role: Role.ROLE_OPERATOR,
    prepare: async (_caller, { fileName, content }) => {
      requireFileName(fileName);
      requireContent(content);
      const hash = digest('sha256', content, 'buffer');
      const known = await findDocuments(store.read, [hash.toString('hex')]);
      if (known.length > 0) return undefined;
      const source = { hash, fileName, sizeBytes: content.length };
      return readDocument({ content, source, now: clock.wall() }, 'content');
    },
    run: async (tx, caller, { fileName, content, requestId }, read) => {
      const hash = digest('sha256', content);
      const now = clock.wall();
      const known = await findDocument(tx, hash);
      const document = known ?? uploaded(read, caller.operatorName, now);
      if (!known) {
        const problem = await noRoomFor(tx, content.length);
        if (problem !== undefined) {
          throw new CordonError(
            status.RESOURCE_EXHAUSTED,
            ErrorReason.ERROR_REASON_QUEUE_FULL,
            `${problem}; delete some that no task needs`,
          );
        }
        await insertDocument(tx, document, content);
      }
      await appendAudit(tx, {
        occurredAt: now,
        actor: caller.operatorName,
        action: 'ioc_document.upload',
        details: {
          hash,
          document_id: document.documentId,
          display_name: document.displayName,
          file_name: fileName,
          size_bytes: content.length,
          already_stored: known !== undefined,
        },
        requestId,
      });
      return { document, alreadyStored: known !== undefined };
    },
  };
}

/** @param read absent: it was there before the transaction, and somebody has deleted it since */
function uploaded(read: IocDocument | undefined, uploadedBy: string, now: number): IocDocument {
  if (read) return { ...read, uploadedBy, uploadedAt: toTimestamp(now) };
  throw new CordonError(
    status.ABORTED,
    ErrorReason.ERROR_REASON_ETAG_MISMATCH,
    'the document was deleted by somebody else meanwhile; upload it again',
  );
}

function get(db: Reader): Query<GetIocDocumentRequest, GetIocDocumentResponse> {
  return {
    kind: 'query',
    role: Role.ROLE_VIEWER,
    run: async (_caller, request) => {
      const hash = requireHash(request.hash);
      const document = await findDocument(db, hash);
      if (!document) throw notFound('indicator document', hash, 'hash');
      const content = request.withContent ? await documentContent(db, hash) : undefined;
      return { document, content: content ?? Buffer.alloc(0) };
    },
  };
}

function list(db: Reader): Query<ListIocDocumentsRequest, ListIocDocumentsResponse> {
  return {
    kind: 'query',
    role: Role.ROLE_VIEWER,
    run: async (_caller, request) => {
      const most = pageSize(request);
      const found = await listDocuments(db, pageStart('ioc_documents', request), most + 1);
      const size = sizeThatFits(found, most, (row) => row.document_proto.length);
      const { rows, nextPageToken } = page('ioc_documents', found, size, (row) => row.upload_id);
      return { documents: rows.map((row) => IocDocument.decode(row.document_proto)), nextPageToken };
    },
  };
}

function remove({
  clock,
}: IocDocumentServiceDeps): Mutation<DeleteIocDocumentRequest, DeleteIocDocumentResponse> {
  return {
    kind: 'mutation',
    role: Role.ROLE_OPERATOR,
    run: async (tx, caller, request) => {
      const hash = requireHash(request.hash);
      const document = await findDocument(tx, hash);
      if (!document) throw notFound('indicator document', hash, 'hash');
      await requireUnused(tx, hash, document);
      await tx.deleteFrom('ioc_documents').where('hash', '=', hash).execute();
      await appendAudit(tx, {
        occurredAt: clock.wall(),
        actor: caller.operatorName,
        action: 'ioc_document.delete',
        details: { hash, document_id: document.documentId, display_name: document.displayName },
        requestId: request.requestId,
      });
      return {};
    },
  };
}

/** @throws CordonError IN_USE */
async function requireUnused(tx: Tx, hash: string, { displayName }: IocDocument): Promise<void> {
  const inUse = (by: string): CordonError =>
    new CordonError(
      status.FAILED_PRECONDITION,
      ErrorReason.ERROR_REASON_IN_USE,
      `the document "${displayName}" is needed by ${by}`,
    );
  const tasks = await tx
    .selectFrom('ioc_scan_tasks')
    .select(['name', 'task_proto'])
    .orderBy('name')
    .execute();
  const users = tasks.filter((row) =>
    decodeTask(row).documentHashes.some((used) => used.toString('hex') === hash),
  );
  if (users.length > 0) {
    const named = users.slice(0, SHOWN).map(({ name }) => `"${name}"`);
    const more = users.length > SHOWN ? ` and ${users.length - SHOWN} more` : '';
    throw inUse(`the IOC scan task ${named.join(', ')}${more}; take it out of there first`);
  }
  const scans = await scansWithDocument(tx, hash);
  if (scans.length > 0) throw inUse('scans that have not ended; wait for them or cancel them');
}

function requireFileName(fileName: string): void {
  requireText('file_name', fileName, 1, LONGEST_FILE_NAME);
  const broken = /[\p{Cc}/\\]/u.test(fileName)
    ? 'must be a name without a folder and without control characters'
    : /\.(ioc|xml|json|stix)$/i.test(fileName)
      ? undefined
      : 'must end in .ioc, .xml, .json or .stix';
  if (broken !== undefined) throw invalid([{ field: 'file_name', description: broken }]);
}

function requireContent(content: Uint8Array): void {
  if (content.length >= 1 && content.length <= MAX_DOCUMENT_BYTES) return;
  const description = `must have 1 to ${MAX_DOCUMENT_BYTES} bytes; it has ${content.length}`;
  throw invalid([{ field: 'content', description }]);
}

/** The hash in hex. */
function requireHash(hash: Buffer): string {
  if (hash.length === HASH_BYTES) return hash.toString('hex');
  const description = `must be a SHA-256 of ${HASH_BYTES} bytes; it has ${hash.length}`;
  throw invalid([{ field: 'hash', description }]);
}
