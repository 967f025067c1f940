import type { Clock } from '../../shared/clock.js';

/** A bucket of permits that fills up with time: some at once, then one now and then. */
export class Allowance {
  private left: number;
  private countedAt: number;

  /** @param most permits at once; @param everyMs time until one comes back, milliseconds */
  constructor(
    private readonly clock: Clock,
    private readonly most: number,
    private readonly everyMs: number,
  ) {
    this.left = most;
    this.countedAt = clock.sinceBoot();
  }

  /** Takes one. Returns 0 where there was one, else the time until there will be, milliseconds. */
  take(): number {
    const now = this.clock.sinceBoot();
    this.left = Math.min(this.most, this.left + (now - this.countedAt) / this.everyMs);
    this.countedAt = now;
    if (this.left < 1) return Math.ceil((1 - this.left) * this.everyMs);
    this.left -= 1;
    return 0;
  }
}
