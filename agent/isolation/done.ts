/** Decisions that are over and must not be carried out again. */
const DONE_KEPT = 32;

/**
 * Ids of decisions that are over, with one more.
 * @param current id of the directive in the desired state: it may come again at any time, so it is never forgotten
 */
export function withDone(
  done: readonly string[],
  id: string | undefined,
  current: string | undefined,
): readonly string[] {
  if (id === undefined || done.includes(id)) return done;
  const all = [...done, id];
  const newest = all.slice(-DONE_KEPT);
  const forgotten = current !== undefined && all.includes(current) && !newest.includes(current);
  return forgotten ? [current, ...newest.slice(1)] : newest;
}
