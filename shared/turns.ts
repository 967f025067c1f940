/** Work in pieces: it may be left at each `yield` and taken up again. */
export type Pieces<Result> = Generator<undefined, Result>;

/** Longest time that `inTurns` keeps others waiting where the pieces are small, milliseconds. */
const TURN_MS = 20;

/** Does all of it now. */
export function atOnce<Result>(pieces: Pieces<Result>): Result {
  for (;;) {
    const { done, value } = pieces.next();
    if (done) return value;
  }
}

/** Does it in turns with everything else that the event loop has to do: the heartbeats of agents do not wait for a long list. */
export async function inTurns<Result>(
  pieces: Pieces<Result>,
  nowMs: () => number = () => performance.now(),
): Promise<Result> {
  for (let since = nowMs(); ;) {
    const { done, value } = pieces.next();
    if (done) return value;
    if (nowMs() - since < TURN_MS) continue;
    await new Promise((resolve) => setImmediate(resolve));
    since = nowMs();
  }
}
