import type { CancelTimer, Clock } from '../../shared/clock.js';
import type { Logger } from '../../shared/log.js';
import { every } from '../../shared/periodic.js';
import { lastSequence } from '../store/audit.js';
import type { Store } from '../store/store.js';

/** What another process has added is found this late at most, milliseconds. */
const SWEEP_EVERY_MS = 5_000;

interface Waiting {
  readonly after: number;
  readonly wake: () => void;
}

/**
 * Tells who follows the audit log that it has grown. Whoever waits says how far it has come, so nothing is lost between a
 * look and the next wait; a slow follower costs nothing here, for the log itself is the queue.
 */
export class AuditFeed {
  private readonly waiting = new Set<Waiting>();
  private readonly subscription: { unsubscribe(): void };
  private readonly stopSweep: CancelTimer;
  private looking = false;
  private lookAgain = false;

  constructor(
    private readonly store: Pick<Store, 'read' | 'committed$'>,
    clock: Clock,
    private readonly log: Logger,
  ) {
    this.subscription = store.committed$.subscribe(() => this.look());
    const failed = (error: unknown): void => this.failed(error);
    this.stopSweep = every(clock, SWEEP_EVERY_MS, () => this.wakeWhoIsBehind(), failed);
  }

  /** Number of the last record, 0 in an empty log. */
  last(): Promise<number> {
    return lastSequence(this.store.read);
  }

  /** Resolves when the log has records after `after`, or with `signal`. */
  async grown(after: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    await new Promise<void>((resolve) => {
      const entry: Waiting = {
        after,
        wake: () => {
          this.waiting.delete(entry);
          signal.removeEventListener('abort', entry.wake);
          resolve();
        },
      };
      this.waiting.add(entry);
      signal.addEventListener('abort', entry.wake);
      // Not before it waits: a commit between the look and the wait would not wake it.
      this.look();
    });
  }

  /** Ends the timers. Who waits is woken. */
  close(): void {
    this.subscription.unsubscribe();
    this.stopSweep();
    for (const { wake } of [...this.waiting]) wake();
  }

  /** One look at a time, however fast commits come. */
  private look(): void {
    this.lookAgain = true;
    if (this.looking || this.waiting.size === 0) return;
    this.looking = true;
    this.lookWhileAsked().catch((error: unknown) => this.failed(error));
  }

  private async lookWhileAsked(): Promise<void> {
    try {
      while (this.lookAgain) {
        this.lookAgain = false;
        await this.wakeWhoIsBehind();
      }
    } finally {
      // Here and not later: who asks in between must not be taken for answered.
      this.looking = false;
    }
  }

  private async wakeWhoIsBehind(): Promise<void> {
    if (this.waiting.size === 0) return;
    const last = await this.last();
    for (const { after, wake } of [...this.waiting]) if (last > after) wake();
  }

  /** The sweep looks again. */
  private failed(error: unknown): void {
    this.log.error({ err: error }, 'the end of the audit log could not be read; tried again');
  }
}
