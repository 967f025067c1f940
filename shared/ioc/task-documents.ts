import { MAX_TASK_BYTES } from './limits.js';

/** A document of a task, in the task's order. */
export interface TaskDocument {
  /** SHA-256, hex. */
  readonly hash: string;
  /** Id that the content gives itself; empty: none, which is never the same as another. */
  readonly id: string;
  readonly sizeBytes: number;
}

/** Which documents of a task are used. */
export interface TaskDocuments<T extends TaskDocument> {
  readonly used: readonly T[];
  readonly dropped: readonly DroppedDocument<T>[];
  /** Bytes of all of them, the dropped ones too. */
  readonly totalBytes: number;
  /** Undefined: they are within the limit. Otherwise the rule that the task breaks, in one sentence. */
  readonly tooLarge: string | undefined;
}

export interface DroppedDocument<T extends TaskDocument> {
  readonly document: T;
  /** Why, in one sentence, with the document that is used in its place. */
  readonly reason: string;
}

/**
 * Of documents with the same id the first one is used, the others are dropped (as KES for Linux does). Ids are compared
 * without regard to case, since they are UUIDs.
 */
export function chooseTaskDocuments<T extends TaskDocument>(documents: readonly T[]): TaskDocuments<T> {
  const used: T[] = [];
  const dropped: DroppedDocument<T>[] = [];
  const byId = new Map<string, T>();
  for (const document of documents) {
    const id = document.id.toLowerCase();
    const first = id === '' ? undefined : byId.get(id);
    if (first !== undefined) {
      dropped.push({
        document,
        reason: `Document ${first.hash} of this task has the same id, ${document.id}.`,
      });
      continue;
    }
    byId.set(id, document);
    used.push(document);
  }
  const totalBytes = documents.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  return { used, dropped, totalBytes, tooLarge: sizeProblem(totalBytes) };
}

function sizeProblem(totalBytes: number): string | undefined {
  if (totalBytes <= MAX_TASK_BYTES) return undefined;
  return `The documents have ${totalBytes} bytes together; a task takes ${MAX_TASK_BYTES} at most.`;
}
