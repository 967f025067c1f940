import type { Reader, Tx } from '../store/store.js';

/** Number of the last event that a target has; 0: none yet. */
export async function readCursor(db: Reader, target: string): Promise<number> {
  const row = await db
    .selectFrom('event_cursors')
    .select('sequence')
    .where('target', '=', target)
    .executeTakeFirst();
  return Number(row?.sequence ?? 0);
}

/** Moves the cursor of a target. */
export async function moveCursor(tx: Tx, target: string, sequence: number, now: number): Promise<void> {
  await tx
    .insertInto('event_cursors')
    .values({ target, sequence, updated_at: now })
    .onConflict((conflict) => conflict.column('target').doUpdateSet({ sequence, updated_at: now }))
    .execute();
}
