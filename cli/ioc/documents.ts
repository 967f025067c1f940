import { type IocDocument } from '../../shared/gen/cordon/v1/ioc.js';
import {
  GetIocDocumentRequest,
  IocDocumentServiceService,
  ListIocDocumentsRequest,
} from '../../shared/gen/cordon/v1/ioc_document_service.js';
import { status } from '@grpc/grpc-js';
import { isServiceError } from '../../shared/errors.js';
import type { Api } from '../client.js';
import { CliError, ExitCode } from '../exit.js';
import { readPages } from '../pages.js';

/** Fewer hex digits than this are too likely to be a name, or to mean another document tomorrow. */
const SHORTEST_PREFIX = 6;

/** Candidates that an error names. */
const MOST_CANDIDATES = 5;

/** Hash as people see it: enough of it to be given back. */
export function shortHash(hash: Buffer): string {
  return hash.toString('hex').slice(0, 12);
}

/** All documents of the server, newest first, without their problems. */
export function readDocuments(api: Api, limit?: number): Promise<IocDocument[]> {
  return readPages(async (pageToken, pageSize) => {
    const request = ListIocDocumentsRequest.fromPartial({ pageToken, pageSize });
    const page = await api.unary(IocDocumentServiceService.listIocDocuments, request);
    return { items: page.documents, nextPageToken: page.nextPageToken };
  }, limit);
}

/**
 * The document that a person means: by the whole SHA-256, the id that the document gives itself, its title, its file name,
 * or at least 6 first digits of the SHA-256, in this order.
 * @throws CliError when there is none, or more than one
 */
export function pickDocument(documents: readonly IocDocument[], name: string): IocDocument {
  const hex = name.toLowerCase();
  const ways: ((document: IocDocument) => boolean)[] = [
    ({ hash }) => hash.toString('hex') === hex,
    ({ documentId }) => documentId === name,
    ({ displayName }) => displayName === name,
    ({ fileName }) => fileName === name,
    ...(isPrefix(hex) ? [({ hash }: IocDocument): boolean => hash.toString('hex').startsWith(hex)] : []),
  ];
  for (const fits of ways) {
    const found = documents.filter(fits);
    if (found.length > 1) throw ambiguous(name, found);
    if (found[0]) return found[0];
  }
  throw notFound(name);
}

/** Finds a document that somebody named. @throws CliError as pickDocument */
export async function findDocument(api: Api, name: string): Promise<IocDocument> {
  // A whole hash needs no list; without one that fits, it may still be an id.
  if (/^[0-9a-f]{64}$/i.test(name)) {
    const found = await getDocument(api, Buffer.from(name, 'hex'));
    if (found) return found;
  }
  return pickDocument(await readDocuments(api), name);
}

async function getDocument(api: Api, hash: Buffer): Promise<IocDocument | undefined> {
  try {
    const request = GetIocDocumentRequest.fromPartial({ hash });
    return (await api.unary(IocDocumentServiceService.getIocDocument, request)).document;
  } catch (error) {
    if (isServiceError(error) && error.code === status.NOT_FOUND) return undefined;
    throw error;
  }
}

function isPrefix(hex: string): boolean {
  return hex.length >= SHORTEST_PREFIX && /^[0-9a-f]+$/.test(hex);
}

function ambiguous(name: string, found: readonly IocDocument[]): CliError {
  const candidates = found
    .slice(0, MOST_CANDIDATES)
    .map(({ hash, displayName, fileName }) => `${shortHash(hash)} (${displayName || fileName})`);
  const more = found.length - candidates.length;
  return new CliError(
    ExitCode.REFUSED,
    `"${name}" fits ${found.length} documents: ${candidates.join(', ')}${more > 0 ? ` and ${more} more` : ''}`,
    'give more digits of the SHA-256 of the one that you mean',
  );
}

function notFound(name: string): CliError {
  const short = /^[0-9a-f]{1,5}$/i.test(name);
  return new CliError(
    ExitCode.REFUSED,
    short
      ? `no document is called "${name}", and the start of a SHA-256 needs at least ${SHORTEST_PREFIX} digits`
      : `no document "${name}"`,
    '"cordon ioc list" shows them; "cordon ioc add FILE" stores one',
  );
}
