/** Work of which only some is done at the same time; the rest waits in order. */
export class FewAtATime {
  private readonly waiting: (() => void)[] = [];
  private running = 0;

  /** @param most how much is done at the same time, 1 and up */
  constructor(private readonly most: number) {}

  /** Does it when it is its turn. Resolves and rejects as the work does. */
  async run<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.running < this.most) this.running += 1;
    else await new Promise<void>((resolve) => this.waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = this.waiting.shift();
      // The place goes to whoever waited longest.
      if (next) next();
      else this.running -= 1;
    }
  }
}

/** How many names Node asks the operating system for at the same time, however many it is given. */
export const SYSTEM_LOOKUPS = 2;
