/** How often it is looked whether the computer has slept. */
const LOOK_EVERY_MS = 1_000;
/** Differences of the two clocks up to this are those of reading them one after the other. */
const ROUNDING_MS = 500;

/** A gap between two looks up to this was a busy process. */
const BUSY_MS = 5_000;

/**
 * A clock for systems on which every clock goes on in suspend: time between two looks counts only where somebody can have
 * lived through it. Meant for ResumeWatch, which looks every second.
 * @param sinceBoot milliseconds since boot, suspend included
 */
export function livedThrough(sinceBoot: () => number): () => number {
  let last = sinceBoot();
  let lived = 0;
  return () => {
    const now = sinceBoot();
    if (now - last <= BUSY_MS) lived += now - last;
    last = now;
    return lived;
  };
}

/**
 * Notices that the computer was suspended: the time since boot has moved on, that of timers has not. One timer for any
 * number of listeners, and none while nobody listens.
 */
export class ResumeWatch {
  private readonly listeners = new Set<() => void>();
  private timer: NodeJS.Timeout | undefined;
  private asleepMs = 0;

  /**
   * @param sinceBoot milliseconds since boot, suspend included
   * @param awake milliseconds on the clock of timers, which stands still in suspend
   */
  constructor(
    private readonly sinceBoot: () => number,
    private readonly awake: () => number,
  ) {}

  /** Calls `run` after each suspend. The returned function ends that. */
  add(run: () => void): () => void {
    // Each listener is one of its own, also where two give the same function.
    const listener = (): void => run();
    this.listeners.add(listener);
    if (!this.timer) {
      this.asleepMs = this.sinceBoot() - this.awake();
      this.timer = setInterval(() => this.look(), LOOK_EVERY_MS);
    }
    return () => {
      this.listeners.delete(listener);
      if (this.listeners.size > 0) return;
      clearInterval(this.timer);
      this.timer = undefined;
    };
  }

  /** Somebody else has noticed a suspend. */
  resumed(): void {
    this.asleepMs = this.sinceBoot() - this.awake();
    this.tell();
  }

  private look(): void {
    const asleepMs = this.sinceBoot() - this.awake();
    if (asleepMs - this.asleepMs <= ROUNDING_MS) return;
    this.asleepMs = asleepMs;
    this.tell();
  }

  private tell(): void {
    for (const listener of [...this.listeners]) listener();
  }
}
