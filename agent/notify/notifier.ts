import type { ObservedIsolation } from '../../shared/gen/cordon/v1/isolation.js';
import type { Logger } from '../../shared/log.js';
import { messageOf, type Message } from './message.js';
import type { Ending } from './run-briefly.js';
import { showEverywhere, type Show } from './show.js';
import { newsIn, standingOf, type Standing } from './standing.js';

/** Messages that wait their turn; an older one makes room, because the newest says how things are. */
const MOST_WAITING = 4;

/**
 * Tells logged-in users when the computer is isolated or released, and when the end or the mode of an isolation changes.
 * `observe` returns at once and throws nothing: an isolation waits for nobody's terminal.
 */
export class Notifier {
  private told: Standing;
  private readonly waiting: Message[] = [];
  private showing = false;
  private complained = false;

  /** @param before what was observed when the agent ended: people know that already */
  constructor(
    before: ObservedIsolation,
    private readonly log: Logger,
    private readonly show: Show = showEverywhere(),
  ) {
    this.told = standingOf(before) ?? { kind: 'open' };
  }

  /** @param notificationText that of the settings in force; empty: none */
  observe(observed: ObservedIsolation, notificationText: string): void {
    const news = newsIn(this.told, observed);
    if (!news) return;
    this.told = news.kind === 'released' ? { kind: 'open' } : news.now;
    this.waiting.push(messageOf(news, notificationText));
    if (this.waiting.length > MOST_WAITING) this.waiting.shift();
    if (!this.showing) void this.showAll();
  }

  /** What waits is not shown any more. */
  stop(): void {
    this.waiting.length = 0;
  }

  private async showAll(): Promise<void> {
    this.showing = true;
    for (let message = this.waiting.shift(); message; message = this.waiting.shift()) {
      try {
        this.note(await this.show(message));
      } catch (error) {
        this.note([{ kind: 'failed', why: (error as Error).message }]);
      }
    }
    this.showing = false;
  }

  /** Said once: a computer without terminals would say it for ever. */
  private note(endings: readonly Ending[]): void {
    const trouble = endings.find(({ kind }) => kind !== 'done');
    if (!trouble || this.complained) return;
    this.complained = true;
    const detail = trouble.kind === 'failed' ? trouble.why : 'wall is not installed (package util-linux)';
    this.log.warn({ detail }, 'logged-in users could not be told about the isolation');
  }
}
