/** Runs tasks one at a time, in the order in which they came. A task that fails does not stop the next. */
export class Serial {
  private tail: Promise<unknown> = Promise.resolve();

  /** Settles as the task does. */
  run<T>(task: () => Promise<T>): Promise<T> {
    const result = this.tail.then(task);
    this.tail = result.catch(() => undefined);
    return result;
  }

  /** Resolves when everything that has been given so far is done. */
  async idle(): Promise<void> {
    await this.tail;
  }
}
