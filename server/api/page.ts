import { invalid } from '../../shared/errors.js';

const DEFAULT_SIZE = 100;
const LARGEST_SIZE = 1000;

export interface PageRequest {
  readonly pageSize: number;
  readonly pageToken: string;
}

/** How many rows a page has: 100 unless asked for, never more than 1000. */
export function pageSize(request: PageRequest): number {
  return request.pageSize === 0 ? DEFAULT_SIZE : Math.min(request.pageSize, LARGEST_SIZE);
}

/**
 * Key of the last row of the page before; undefined on the first page. Paging goes by key, not by offset: rows that
 * come and go neither repeat nor hide others.
 * @throws CordonError INVALID_FIELD on a token that no answer of this list gave
 */
export function pageStart(list: string, request: PageRequest): string | undefined {
  if (request.pageToken === '') return undefined;
  const text = Buffer.from(request.pageToken, 'base64url').toString('utf8');
  const prefix = `${list}:`;
  if (!text.startsWith(prefix)) {
    const description = 'must be the next_page_token of an answer of this same call, or empty';
    throw invalid([{ field: 'page_token', description }]);
  }
  return text.slice(prefix.length);
}

/**
 * Cuts rows that were read with a limit of `size + 1` to the page, and makes the token of the next one.
 * @param key what `pageStart` returns for the next page
 */
export function page<Row>(
  list: string,
  rows: readonly Row[],
  size: number,
  key: (row: Row) => string | number,
): { readonly rows: readonly Row[]; readonly nextPageToken: string } {
  const last = rows[size - 1];
  if (rows.length <= size || last === undefined) return { rows, nextPageToken: '' };
  const nextPageToken = Buffer.from(`${list}:${key(last)}`, 'utf8').toString('base64url');
  return { rows: rows.slice(0, size), nextPageToken };
}

/** A client refuses an answer above 4 MiB; the rest is room for what an answer holds beside its rows. */
const MOST_BYTES = 3 * 1024 * 1024;

/** How many of the rows, at most `size`, fit into one answer; one always does. */
export function sizeThatFits<Row>(rows: readonly Row[], size: number, bytes: (row: Row) => number): number {
  let sum = 0;
  const tooMuch = rows.findIndex((row) => (sum += bytes(row)) > MOST_BYTES);
  return tooMuch === -1 ? size : Math.max(1, Math.min(size, tooMuch));
}
