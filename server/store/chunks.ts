/**
 * Most rows in one statement. More make no row cheaper, and the statement is then too long to be kept prepared
 * (statement-cache.ts).
 */
const ROWS_PER_STATEMENT = 100;

/** Cuts a list into pieces that one statement takes. */
export function* inChunks<T>(items: readonly T[]): Generator<readonly T[]> {
  for (let start = 0; start < items.length; start += ROWS_PER_STATEMENT) {
    yield items.slice(start, start + ROWS_PER_STATEMENT);
  }
}
