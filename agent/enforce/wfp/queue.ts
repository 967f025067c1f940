/** Most that may wait: beyond it somebody asks faster than the filter engine will ever answer. */
const MOST_WAITING = 1_000;

/** Does one thing after the other, in the order in which they were asked for. */
export class Queue {
  private last: Promise<unknown> = Promise.resolve();
  private waiting = 0;
  private closed = false;

  /** Rejects where too many wait, or after `close`. */
  async run<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.closed)
      throw new Error('The transaction of this call has ended: make the call in it, and wait for it there');
    if (this.waiting >= MOST_WAITING) {
      throw new Error(`${this.waiting} calls wait for the Windows Filtering Platform: this one is not made`);
    }
    this.waiting++;
    const turn = this.last.then(work).finally(() => this.waiting--);
    this.last = turn.catch(() => undefined);
    return turn;
  }

  /** Takes nothing more. What was asked for until now is done. */
  close(): void {
    this.closed = true;
  }

  /** Resolves when everything that was asked for until now is done. */
  async idle(): Promise<void> {
    await this.last;
  }
}
