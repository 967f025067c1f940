/** How long others wait at most for a row of work, milliseconds. */
const SLICE_MS = 10;

/** Lets the event loop have its turn within work that is made of many small pieces. */
export class Turns {
  private since = performance.now();

  /** To be waited for between two pieces; returns at once until it is time. */
  async give(): Promise<void> {
    if (performance.now() - this.since < SLICE_MS) return;
    await new Promise((resolve) => setImmediate(resolve));
    this.since = performance.now();
  }
}
