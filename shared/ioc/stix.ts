import type { IocDocument } from './model.js';
import { IocDocumentError } from './document-error.js';
export function parseStix(_text: string, _now: number): IocDocument {
  throw new IocDocumentError('format', 'not yet');
}
