import { IocDocumentError, overLimit } from './document-error.js';
import { MAX_DOCUMENT_BYTES } from './limits.js';
import type { IocDocument } from './model.js';
import { parseOpenIoc } from './openioc.js';
import { parseStix } from './stix/document.js';

/**
 * Reads an indicator document: OpenIOC 1.0 or 1.1 as XML, or STIX 2.1 as JSON, told apart by the content. UTF-8, with or
 * without a byte order mark. Terms that are not known or cannot mean anything count as no match and are in `problems`.
 *
 * What comes out can be relied on: every group has a member, groups lie at most `MAX_GROUP_DEPTH` deep (walk the tree
 * without recursion all the same), a term whose test is `never` is not negated, and every pattern compiles.
 * @param now milliseconds since 1970 UTC; STIX indicators that are no longer valid by then count as no match
 * @throws IocDocumentError when the document cannot be used at all
 */
export function parseIoc(content: Uint8Array, now: number = Date.now()): IocDocument {
  if (content.length > MAX_DOCUMENT_BYTES) throw overLimit(`larger than ${MAX_DOCUMENT_BYTES} bytes`);
  const text = decode(content);
  const first = text.trimStart().charAt(0);
  if (first === '<') return parseOpenIoc(text);
  if (first === '{') return parseStix(text, now);
  const message =
    first === '' ? 'the document is empty' : 'neither XML (OpenIOC) nor a JSON object (STIX 2.1)';
  throw new IocDocumentError('format', message);
}

function decode(content: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(content);
  } catch {
    throw new IocDocumentError('encoding', 'not valid UTF-8; save the document as UTF-8');
  }
}
