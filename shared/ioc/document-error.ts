export type DocumentErrorReason =
  /** Larger, deeper or longer than a limit in limits.ts. */
  | 'limit'
  /** Not UTF-8. */
  | 'encoding'
  /** Not well-formed XML or JSON, or against the language's rules. */
  | 'malformed'
  /** Neither OpenIOC nor STIX 2.1. */
  | 'format';

/** An indicator document that cannot be used at all. The message says why and what to do, and repeats no long text. */
export class IocDocumentError extends Error {
  constructor(
    readonly reason: DocumentErrorReason,
    message: string,
    /** Line of the document, from 1; undefined where the reason has no place. */
    readonly line?: number,
  ) {
    super(line === undefined ? message : `line ${line}: ${message}`);
    this.name = 'IocDocumentError';
  }
}

/** A limit that a document breaks. */
export function overLimit(what: string, line?: number): IocDocumentError {
  return new IocDocumentError('limit', `${what}; split the document or leave out what is not needed`, line);
}
