/** Behind connection tracking (-200) and destination translation (-100), before the tables of others at `filter` (0). */
export const FIRST_PRIORITY = -99;
const LAST_PRIORITY = -1;

/**
 * Where the chains of a table go that takes the place of one whose chains are at `present`: one step behind it.
 *
 * While a table is swapped a packet visits the chains of both, and the kernel takes the new rules into force somewhere in
 * between. New before old, which is what an equal priority gives, lets through the packet that finds the new chains still
 * empty and the old ones already so. Old before new does not: what the old chains no longer block the new ones do. The
 * same holds for a packet that asks the old `hold` set at the very moment at which its elements go out of force. At the
 * end of the range one swap in 99 starts again at its beginning.
 * @param present undefined: there is no table to replace
 */
export function priorityBehind(present: number | undefined): number {
  if (present === undefined || present < FIRST_PRIORITY || present >= LAST_PRIORITY) return FIRST_PRIORITY;
  return present + 1;
}

/** Priority of the chains of a table, as `nft list table` printed it; undefined: it has no such chain. */
export function hookPriorityOf(listing: string): number | undefined {
  const found = /^\t\ttype filter hook input priority (-?\d+); policy accept;$/m.exec(listing)?.[1];
  return found === undefined ? undefined : Number(found);
}
