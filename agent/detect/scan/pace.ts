import type { Gate } from '../files/gate.js';

/** How often the processor time is looked at, milliseconds. */
const LOOK_MS = 20;
/** Processor time that may be saved up for later, milliseconds of the share. */
const MOST_SAVED_MS = 100;

export interface PaceParts {
  readonly gate: Gate;
  /** 1 to 100 percent of all processors. */
  readonly cpuPercent: number;
  readonly processors: number;
  /** Processor time of this process with all its threads so far, milliseconds. */
  readonly usedMs: () => number;
  /** Monotonic, milliseconds. */
  readonly nowMs: () => number;
}

/**
 * Keeps a scan to its share of the processors and lets it pause, go on and end. What the scan has used is measured, whichever
 * thread used it: when it is ahead of its share, all of it stands still until it is not.
 */
export class Pace {
  private paused = false;
  private cancelled = false;
  private ahead = false;
  private allowedMs: number;
  private lookedAt: number;
  private workedSince: number | undefined;
  private worked = 0;
  private timer: NodeJS.Timeout | undefined;
  private waiting: (() => void)[] = [];

  constructor(private readonly parts: PaceParts) {
    this.allowedMs = parts.usedMs() + MOST_SAVED_MS;
    this.lookedAt = parts.nowMs();
    this.workedSince = this.lookedAt;
    if (parts.cpuPercent < 100) {
      this.timer = setInterval(() => this.look(), LOOK_MS);
      this.timer.unref();
    }
  }

  pause(): void {
    if (this.paused) return;
    this.worked = this.workedMs();
    this.workedSince = undefined;
    this.paused = true;
    this.apply();
  }

  resume(): void {
    if (!this.paused) return;
    this.paused = false;
    this.workedSince = this.parts.nowMs();
    this.apply();
  }

  cancel(): void {
    this.cancelled = true;
    this.parts.gate.stop();
    this.apply();
  }

  get isPaused(): boolean {
    return this.paused;
  }

  get isCancelled(): boolean {
    return this.cancelled;
  }

  /** How long it worked, pauses left out, milliseconds. */
  workedMs(): number {
    return this.worked + (this.workedSince === undefined ? 0 : this.parts.nowMs() - this.workedSince);
  }

  /** Gives others a turn, and waits while the scan stands still. False: it is to end. */
  async turn(): Promise<boolean> {
    await new Promise((resolve) => setImmediate(resolve));
    while (!this.cancelled && (this.paused || this.ahead)) {
      await new Promise<void>((resolve) => this.waiting.push(resolve));
    }
    return !this.cancelled;
  }

  close(): void {
    clearInterval(this.timer);
  }

  private look(): void {
    const { cpuPercent, processors, usedMs, nowMs } = this.parts;
    const now = nowMs();
    const share = (cpuPercent / 100) * processors;
    const used = usedMs();
    const most = used + MOST_SAVED_MS * share;
    this.allowedMs = Math.min(most, this.allowedMs + (now - this.lookedAt) * share);
    this.lookedAt = now;
    this.ahead = used > this.allowedMs;
    this.apply();
  }

  private apply(): void {
    const still = this.paused || this.ahead;
    if (still) this.parts.gate.hold();
    else this.parts.gate.run();
    if (still && !this.cancelled) return;
    for (const wake of this.waiting.splice(0)) wake();
  }
}
