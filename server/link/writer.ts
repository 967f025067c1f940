import type { CancelTimer, Clock } from '../../shared/clock.js';
import type { CordonError } from '../../shared/errors.js';
import { Outbox, type Outgoing } from './outbox.js';
import { slowConsumer } from './refusals.js';
import type { Transport } from './transport.js';

/** A reader that does not drain for this long is cut and resumes, milliseconds (DESIGN 6.2). */
const DRAIN_WITHIN_MS = 30_000;

/**
 * Writes what is in the outbox of one stream as fast as the agent reads it, and no faster: a slow agent costs a few slots
 * and is cut after 30 s.
 */
export class Writer {
  readonly outbox = new Outbox();
  private sequence = 0n;
  private blocked: CancelTimer | undefined;
  private closed = false;
  /** Highest sequence of the agent that has been handled durably; goes out with each message. */
  handled = 0n;

  /** @param tooSlow called once when the agent does not keep up */
  constructor(
    private readonly transport: Transport,
    private readonly clock: Clock,
    private readonly tooSlow: (error: CordonError) => void,
  ) {
    transport.onWritable(() => {
      this.blocked?.();
      this.blocked = undefined;
      this.pump();
    });
  }

  /** Puts a control message into the outbox; `pump` writes it. */
  say(message: Outgoing): void {
    if (this.closed) return;
    if (!this.outbox.pushControl(message)) this.tooSlow(slowConsumer('does not read its acknowledgements'));
  }

  /** Writes until the outbox is empty or the agent does not keep up. */
  pump(): void {
    while (!this.blocked && !this.closed) {
      const next = this.outbox.next();
      if (!next) return;
      const message = { seq: ++this.sequence, ack: this.handled, payload: next.message };
      if (!this.transport.send(message, next.written)) {
        this.blocked = this.clock.after(DRAIN_WITHIN_MS, () =>
          this.tooSlow(slowConsumer(`did not read for ${DRAIN_WITHIN_MS / 1000} s`)),
        );
      }
    }
  }

  close(): void {
    this.closed = true;
    this.blocked?.();
  }
}
