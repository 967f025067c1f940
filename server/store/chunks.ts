/**
 * Most rows in one statement. More make no row cheaper, and the statement is then too long to be kept prepared
 * (statement-cache.ts).
 */
export const ROWS_PER_STATEMENT = 100;

/** Cuts a list into pieces that one statement takes. */
export function* inChunks<T>(items: readonly T[]): Generator<readonly T[]> {
  for (let start = 0; start < items.length; start += ROWS_PER_STATEMENT) {
    yield items.slice(start, start + ROWS_PER_STATEMENT);
  }
}

/**
 * The same pieces, with everything else that the event loop has to do in between: the statements of one transaction follow
 * each other without a pause otherwise, and thousands of rows would hold up every stream.
 */
export async function* chunksInTurns<T>(items: readonly T[]): AsyncGenerator<readonly T[]> {
  for (const chunk of inChunks(items)) {
    yield chunk;
    await aTurn();
  }
}

/** Lets the event loop do what else it has to. */
export function aTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
