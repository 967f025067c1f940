import type { CancelTimer, Clock } from '../../shared/clock.js';

interface Timer {
  due: number;
  readonly run: () => void;
}

/** A clock that stands still until a test moves it. */
export class FakeClock implements Clock {
  private boot = 0;
  private sleptMs = 0;
  private readonly timers = new Set<Timer>();
  private readonly resumes = new Set<() => void>();

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

  onResume(run: () => void): CancelTimer {
    const listener = (): void => run();
    this.resumes.add(listener);
    return () => this.resumes.delete(listener);
  }

  /** Milliseconds on the clock of timers: that since boot without suspend. */
  get awake(): number {
    return this.boot - this.sleptMs;
  }

  /** The computer is suspended and comes back: both clocks have moved on, timers have not. */
  suspend(ms: number): void {
    for (const timer of this.timers) timer.due += ms;
    this.sleptMs += ms;
    this.moveTo(this.boot + ms);
    for (const listener of [...this.resumes]) listener();
  }

  /** How many wait for a resume. */
  get sleepers(): number {
    return this.resumes.size;
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
