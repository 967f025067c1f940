import type { CollectorOutcome, IocDocumentOutcome } from '../../../shared/gen/cordon/v1/command.js';
import type { ItemType } from '../../../shared/ioc/model.js';
import type { Matcher } from '../match/matcher.js';
import type { Detections } from './detections.js';
import type { LoadedDocument } from './load-documents.js';

/** How one kind of items fared. @param terms that this platform can tell */
export function outcomeOf(
  itemType: ItemType,
  items: number,
  unavailable: string,
  matcher: Matcher,
  terms: ReadonlySet<string>,
): CollectorOutcome {
  const unavailableTerms =
    unavailable === '' ? [...matcher.terms(itemType)].filter((term) => !terms.has(term)) : [];
  return { itemType, items: BigInt(items), unavailable, unavailableTerms };
}

/** How one document fared. */
export function documentOutcome(
  { hash, document, refused }: LoadedDocument,
  detections: Detections,
): IocDocumentOutcome {
  return {
    hash: Buffer.from(hash, 'hex'),
    displayName: document?.name ?? '',
    detections: refused === '' ? detections.of(hash) : 0,
    problems: document?.problems.length ?? 0,
    refused,
  };
}
