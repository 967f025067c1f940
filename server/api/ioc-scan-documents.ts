import { status } from '@grpc/grpc-js';
import { CordonError, invalid } from '../../shared/errors.js';
import { ErrorReason } from '../../shared/gen/cordon/v1/error.js';
import { IocDocument } from '../../shared/gen/cordon/v1/ioc.js';
import type { IocScanTask } from '../../shared/gen/cordon/v1/task.js';
import { chooseTaskDocuments, type TaskDocument } from '../../shared/ioc/task-documents.js';
import { findDocuments } from '../ioc/documents.js';
import type { Reader } from '../store/store.js';
import { SCAN_TASK } from './ioc-scan-input.js';

const FIELD = `${SCAN_TASK}.document_hashes`;
const MOST_HINTS = 100;
/** How many unknown documents an error names. */
const SHOWN = 3;

/**
 * The documents of a task: they must be stored, and be small enough together.
 * @param hashes checked; each counts once
 * @throws CordonError NOT_FOUND, INVALID_FIELD
 */
export async function requireDocuments(db: Reader, hashes: readonly Buffer[]): Promise<IocDocument[]> {
  const wanted = hashes.map((hash) => hash.toString('hex'));
  const found = await findDocuments(db, wanted);
  const known = new Set(found.map(({ hash }) => hash));
  const unknown = wanted.flatMap((hash, index) => (known.has(hash) ? [] : [{ hash, index }]));
  if (unknown.length > 0) {
    const named = unknown.slice(0, SHOWN).map(({ hash }) => hash);
    const more = unknown.length > SHOWN ? ` and ${unknown.length - SHOWN} more` : '';
    throw new CordonError(
      status.NOT_FOUND,
      ErrorReason.ERROR_REASON_NOT_FOUND,
      `no indicator document with the hash ${named.join(', ')}${more}; upload it first`,
      {
        violations: unknown.map(({ hash, index }) => ({
          field: `${FIELD}[${index}]`,
          description: `no document ${hash}`,
        })),
      },
    );
  }
  const documents = found.map((row) => IocDocument.decode(row.document_proto));
  const { tooLarge } = chooseTaskDocuments(documents.map(taskDocument));
  if (tooLarge !== undefined) throw invalid([{ field: FIELD, description: tooLarge }]);
  return documents;
}

/** The same hashes, each once, in the order in which they came. */
export function eachOnce(hashes: readonly Buffer[]): Buffer[] {
  const byHex = new Map(hashes.map((hash) => [hash.toString('hex'), hash]));
  return [...byHex.values()];
}

/**
 * What the creator of a task should know. At most 100 lines.
 * @param repeated how many documents were named more than once
 */
export function scanHints(task: IocScanTask, documents: readonly IocDocument[], repeated: number): string[] {
  const hints = [
    ...(repeated > 0 ? [`${repeated} documents were named more than once: each counts once`] : []),
    ...responseHints(task),
    ...sameIds(documents),
    ...documents.flatMap(withoutMatch),
  ];
  if (hints.length <= MOST_HINTS) return hints;
  return [...hints.slice(0, MOST_HINTS - 1), `and ${hints.length - MOST_HINTS + 1} more hints`];
}

function responseHints({ response }: IocScanTask): string[] {
  if (!response?.takeResponseActions) return [];
  if (response.isolateComputer || response.quarantineFile || response.killProcess) return [];
  return ['take_response_actions is set, but no action: a detection is reported and nothing else'];
}

function sameIds(documents: readonly IocDocument[]): string[] {
  const { used, dropped } = chooseTaskDocuments(documents.map(taskDocument));
  const first = new Map(used.map(({ id, document }) => [id.toLowerCase(), document]));
  return dropped.map(({ document: { id, document } }) => {
    const other = first.get(id.toLowerCase());
    const same = `has the same id ${id} as ${other ? named(other) : 'another'}`;
    return `${named(document)} ${same}: only the first of them counts`;
  });
}

/** A document as the choice among those of a task sees it. */
function taskDocument(document: IocDocument): TaskDocument & { readonly document: IocDocument } {
  return {
    hash: document.hash.toString('hex'),
    id: document.documentId,
    sizeBytes: Number(document.sizeBytes),
    document,
  };
}

/** Records of documents without their problems say how many there are. */
function withoutMatch(document: IocDocument): string[] {
  const { indicatorCount, problemsOmitted: problems } = document;
  if (indicatorCount === 0) return [`${named(document)} has no term that can match`];
  if (problems === 0) return [];
  const terms = problems === 1 ? '1 term counts' : `${problems} terms count`;
  return [`${named(document)}: ${terms} as no match; its record says which and why`];
}

function named({ displayName, hash }: IocDocument): string {
  return `document "${displayName}" (${hash.toString('hex').slice(0, 12)})`;
}
