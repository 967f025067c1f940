import type { CancelTimer, Clock } from '../../shared/clock.js';

interface Timer {
  readonly due: number;
  readonly run: () => void;
}

/** A clock that stands still until a test moves it. */
export class FakeClock implements Clock {
  private boot = 0;
  private readonly timers = new Set<Timer>();

  /** @param wallMs wall clock at the start, milliseconds since 1970 */
  constructor(private wallMs = Date.UTC(2026, 0, 1)) {}

  wall(): number {
    return this.wallMs;
  }

  sinceBoot(): number {
    return this.boot;
  }

  after(ms: number, run: () => void): CancelTimer {
    const timer: Timer = { due: this.boot + Math.max(0, ms), run };
    this.timers.add(timer);
    return () => this.timers.delete(timer);
  }

  /** Timers that have not fired. */
  get pending(): number {
    return this.timers.size;
  }

  /** Moves both clocks and fires what falls due, earliest first; each timer sees the time that it was set for. */
  advance(ms: number): void {
    const end = this.boot + ms;
    for (let next = this.earliest(end); next; next = this.earliest(end)) {
      this.timers.delete(next);
      this.moveTo(Math.max(this.boot, next.due));
      next.run();
    }
    this.moveTo(end);
  }

  /** Somebody sets the wall clock; timers and the time since boot do not notice. */
  jumpWall(ms: number): void {
    this.wallMs += ms;
  }

  private moveTo(boot: number): void {
    this.wallMs += boot - this.boot;
    this.boot = boot;
  }

  private earliest(end: number): Timer | undefined {
    let first: Timer | undefined;
    for (const timer of this.timers) {
      if (timer.due <= end && (first === undefined || timer.due < first.due)) first = timer;
    }
    return first;
  }
}
