/** Most rows in one statement: SQLite takes 32766 parameters, and an isolation has 11 columns. */
const ROWS_PER_STATEMENT = 1000;

/** Cuts a list into pieces that one statement takes. */
export function* inChunks<T>(items: readonly T[]): Generator<readonly T[]> {
  for (let start = 0; start < items.length; start += ROWS_PER_STATEMENT) {
    yield items.slice(start, start + ROWS_PER_STATEMENT);
  }
}
