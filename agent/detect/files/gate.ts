const RUN = 0;
const HOLD = 1;
const STOP = 2;

/** Longest wait before a reader looks again at whether it may go on, milliseconds. */
const LOOK_MS = 50;

/** Places in the shared memory. */
const STATE = 0;
const ALIVE = 1;
const FREE_AT = 1;

/**
 * Lets the threads that read files go on, holds them, or stops them, and spreads what they read over time. It is memory that
 * all of them share: a thread in the middle of a large file sees it at its next piece.
 */
export class Gate {
  private readonly words: Int32Array;
  /** Microseconds of the monotonic clock at which the next byte may be read. */
  private readonly times: BigInt64Array;

  /** @param memory of `Gate.memory`; @param bytesPerSecond all threads together; 0: no limit */
  constructor(
    memory: SharedArrayBuffer,
    private readonly bytesPerSecond: number,
  ) {
    this.words = new Int32Array(memory, 0, 2);
    this.times = new BigInt64Array(memory, 0, 2);
  }

  static memory(): SharedArrayBuffer {
    return new SharedArrayBuffer(16);
  }

  run(): void {
    this.set(RUN);
  }

  hold(): void {
    this.set(HOLD);
  }

  /** For good. */
  stop(): void {
    Atomics.store(this.words, STATE, STOP);
    Atomics.notify(this.words, STATE);
  }

  /** Changes whenever a thread has got on. */
  alive(): number {
    return Atomics.load(this.words, ALIVE);
  }

  /**
   * Called before a piece is read; blocks the thread while it is held, and for as long as the piece has to wait.
   * @returns false: stop reading
   */
  pass(bytes: number): boolean {
    let wakeAt = this.reserve(bytes);
    for (;;) {
      Atomics.add(this.words, ALIVE, 1);
      const state = Atomics.load(this.words, STATE);
      if (state === STOP) return false;
      const waitMs = Number(wakeAt - nowUs()) / 1000;
      if (state === RUN && waitMs <= 0) return true;
      if (state === HOLD && waitMs <= 0) wakeAt = 0n;
      Atomics.wait(this.words, STATE, state, state === RUN ? Math.min(LOOK_MS, waitMs) : LOOK_MS);
    }
  }

  private set(state: number): void {
    if (Atomics.load(this.words, STATE) === STOP) return;
    Atomics.store(this.words, STATE, state);
    Atomics.notify(this.words, STATE);
  }

  /** Takes the time that the bytes cost, after everything that others have taken. */
  private reserve(bytes: number): bigint {
    if (this.bytesPerSecond === 0) return 0n;
    const cost = BigInt(Math.ceil((bytes / this.bytesPerSecond) * 1e6));
    for (;;) {
      const taken = Atomics.load(this.times, FREE_AT);
      const now = nowUs();
      const from = taken > now ? taken : now;
      if (Atomics.compareExchange(this.times, FREE_AT, taken, from + cost) === taken) return from;
    }
  }
}

function nowUs(): bigint {
  return process.hrtime.bigint() / 1000n;
}
