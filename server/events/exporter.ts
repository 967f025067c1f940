import { defaultReconnect, reconnectDelay, type ReconnectSettings } from '../../shared/backoff.js';
import type { Clock } from '../../shared/clock.js';
import type { Logger } from '../../shared/log.js';
import type { Store } from '../store/store.js';
import type { AuditFeed } from './audit-feed.js';
import { moveCursor, readCursor } from './cursors.js';
import { readEvents } from './read-events.js';
import type { Sink } from './sink.js';

/** Alerts should be seen soon: no wait is longer than a minute. */
const RETRY: ReconnectSettings = { ...defaultReconnect, maxMs: 60_000 };
/** A problem that lasts is said again this often, milliseconds. */
const REMIND_EVERY_MS = 600_000;

export interface ExporterDeps {
  readonly store: Store;
  readonly feed: AuditFeed;
  readonly clock: Clock;
  readonly log: Logger;
  /** A number from 0 up to 1. */
  readonly random: () => number;
}

/** A time without success. Times are milliseconds since boot. */
interface Trouble {
  readonly since: number;
  readonly saidAt: number;
  readonly failures: number;
}

/**
 * Carries the audit log to one sink: reads after its cursor, writes, moves the cursor. The cursor follows the sink, so events
 * come at least once: what was written when the server died is written again.
 */
export class Exporter {
  private readonly ending = new AbortController();
  private readonly running: Promise<void>;
  private trouble: Trouble | undefined;

  constructor(
    private readonly deps: ExporterDeps,
    private readonly sink: Sink,
  ) {
    this.running = this.run();
  }

  /** Ends it; what the sink has not taken waits for the next start. */
  async stop(): Promise<void> {
    this.ending.abort();
    this.sink.close();
    await this.running;
  }

  private async run(): Promise<void> {
    const { signal } = this.ending;
    while (!signal.aborted) {
      try {
        await this.carry(signal);
      } catch (error) {
        if (signal.aborted) return;
        await this.failed(error, signal);
      }
    }
  }

  /** Until something fails or the end. */
  private async carry(signal: AbortSignal): Promise<void> {
    const { store, feed, clock } = this.deps;
    const { target, most } = this.sink;
    let after = await readCursor(store.read, target);
    while (!signal.aborted) {
      const events = await readEvents(store.read, after, most);
      const last = events.at(-1);
      if (!last) {
        await feed.grown(after, signal);
        continue;
      }
      await this.sink.write(events);
      after = Number(last.sequence);
      const sequence = after;
      await store.write((tx) => moveCursor(tx, target, sequence, clock.wall()));
      this.succeeded(after);
    }
  }

  private succeeded(sequence: number): void {
    const { clock, log } = this.deps;
    if (!this.trouble) return;
    const downSeconds = Math.round((clock.sinceBoot() - this.trouble.since) / 1000);
    this.trouble = undefined;
    log.info({ target: this.sink.target, sequence, downSeconds }, 'events arrive again');
  }

  /** Says a problem once, and again every ten minutes while it lasts; then waits. */
  private async failed(error: unknown, signal: AbortSignal): Promise<void> {
    const { clock, log, random } = this.deps;
    const now = clock.sinceBoot();
    const before = this.trouble;
    const say = !before || now - before.saidAt >= REMIND_EVERY_MS;
    this.trouble = {
      since: before?.since ?? now,
      saidAt: say ? now : before.saidAt,
      failures: (before?.failures ?? 0) + 1,
    };
    if (say) {
      const problem = error instanceof Error ? error.message : String(error);
      log.warn(
        { target: this.sink.target, problem, failures: this.trouble.failures, waiting: await this.behind() },
        'events do not arrive; they wait in the audit log, and it is tried again',
      );
    }
    await pause(clock, reconnectDelay(RETRY, this.trouble.failures, random()), signal);
  }

  /** How many events wait; undefined where the store cannot say. */
  private async behind(): Promise<number | undefined> {
    const { store, feed } = this.deps;
    try {
      return (await feed.last()) - (await readCursor(store.read, this.sink.target));
    } catch {
      return undefined;
    }
  }
}

/** Waits `ms` milliseconds, or for `signal`. */
function pause(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const done = (): void => {
      cancel();
      signal.removeEventListener('abort', done);
      resolve();
    };
    const cancel = clock.after(ms, done);
    signal.addEventListener('abort', done);
  });
}
