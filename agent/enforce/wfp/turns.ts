/** How long others wait at most for a row of work, milliseconds. */
const SLICE_MS = 10;

/** Lets the event loop have its turn within work that is made of many small pieces. */
export class Turns {
  private since = performance.now();

  /** Whether it is time; asked for between two pieces, because a promise for each would cost more than the piece. */
  get due(): boolean {
    return performance.now() - this.since >= SLICE_MS;
  }

  async give(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    this.since = performance.now();
  }
}
