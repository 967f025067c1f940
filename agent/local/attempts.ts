import { status } from '@grpc/grpc-js';
import type { CancelTimer, Clock } from '../../shared/clock.js';
import { CordonError } from '../../shared/errors.js';
import { ErrorReason } from '../../shared/gen/cordon/v1/error.js';
import { Serial } from '../serial.js';

const FIRST_DELAY_MS = 1_000;
const LONGEST_DELAY_MS = 30_000;
/** Attempts that are under way or wait for their turn. */
const MOST_WAITING = 2;

/** Longest time that an attempt waits for its turn, milliseconds: what a client has to allow for. */
export const LONGEST_WAIT_MS = MOST_WAITING * LONGEST_DELAY_MS;

/**
 * Attempts at a password, one after the other whoever makes them: each wrong one puts the next off, by 1 s, 2 s, 4 s ...
 * 30 s, until one is right.
 */
export class Attempts {
  private readonly serial = new Serial();
  private waiting = 0;
  private wrong = 0;
  /** Since boot, milliseconds. */
  private notBefore = 0;
  private endPause: (() => void) | undefined;
  private stopped = false;

  constructor(private readonly clock: Clock) {}

  /**
   * Checks when it is this attempt's turn. What `check` throws counts as no attempt.
   * @param gone tells whether whoever asked has left; nothing is checked then
   * @throws CordonError RESOURCE_EXHAUSTED with the time after which to try again, where too many wait
   */
  async run(check: () => Promise<boolean>, gone: () => boolean): Promise<boolean> {
    if (this.waiting >= MOST_WAITING) throw this.tooMany();
    this.waiting += 1;
    try {
      return await this.serial.run(() => this.inTurn(check, gone));
    } finally {
      this.waiting -= 1;
    }
  }

  /** Ends what waits, so that the agent can end. */
  stop(): void {
    this.stopped = true;
    this.endPause?.();
  }

  private async inTurn(check: () => Promise<boolean>, gone: () => boolean): Promise<boolean> {
    await this.pause();
    if (this.stopped || gone()) {
      const why = 'the attempt was given up';
      throw new CordonError(status.CANCELLED, ErrorReason.ERROR_REASON_PASSWORD_REFUSED, why);
    }
    const right = await check();
    this.wrong = right ? 0 : this.wrong + 1;
    if (!right) this.notBefore = this.clock.sinceBoot() + this.delay();
    return right;
  }

  private pause(): Promise<void> {
    const left = this.notBefore - this.clock.sinceBoot();
    if (left <= 0 || this.stopped) return Promise.resolve();
    return new Promise((resolve) => {
      const cancel: CancelTimer = this.clock.after(left, resolve);
      this.endPause = () => {
        cancel();
        resolve();
      };
    });
  }

  private delay(): number {
    return Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** Math.min(this.wrong - 1, 10));
  }

  private tooMany(): CordonError {
    const retryAfterMs = Math.max(0, this.notBefore - this.clock.sinceBoot()) + FIRST_DELAY_MS;
    return new CordonError(
      status.RESOURCE_EXHAUSTED,
      ErrorReason.ERROR_REASON_TOO_MANY_ATTEMPTS,
      'too many passwords wait to be checked',
      { retryAfterMs },
    );
  }
}
