import type { Observable } from 'rxjs';
import type { CancelTimer, Clock } from '../../shared/clock.js';
import type { DeviceOrder } from '../../shared/gen/cordon/v1/isolation_service.js';
import type { WatchEvent } from '../feed.js';
import { advance, isSettled, startWait, type Goal, type Wait } from './progress.js';
import type { WaitView } from './view.js';

export interface AwaitDeps {
  /** Devices as they change; subscribed before the order is sent, so that no change is missed. */
  readonly feed: Observable<WatchEvent>;
  readonly clock: Clock;
  readonly view: WaitView;
  /** Milliseconds from the answer to the order. */
  readonly timeoutMs: number;
  /** Calls back when the person interrupts; returns what takes that back. */
  readonly onInterrupt: (stop: () => void) => () => void;
}

/** Events of this time, milliseconds, are taken in together: a fleet answers with thousands at once. */
const BATCH_MS = 20;

/**
 * Sends an order and waits until every device has reported, the time is over, or the person interrupts.
 * @throws what `send` throws, or what the server answers to the watch
 */
export async function awaitOrders(
  goal: Goal,
  send: () => Promise<readonly DeviceOrder[]>,
  deps: AwaitDeps,
): Promise<Wait> {
  const inbox = new Inbox();
  const subscription = deps.feed.subscribe({
    next: (event) => inbox.add(event),
    error: (error: unknown) => inbox.fail(error),
  });
  try {
    return await settle(startWait(goal, await send()), inbox, deps);
  } finally {
    subscription.unsubscribe();
  }
}

/** What the feed has brought and nobody has looked at yet: at most one event a device. */
class Inbox {
  private readonly events = new Map<string, WatchEvent>();
  private failure: Error | undefined;
  private wake: () => void = () => {};

  add(event: WatchEvent): void {
    if (event.$case === 'bookmark') return;
    this.events.set(event.$case === 'device' ? event.value.id : event.value, event);
    this.wake();
  }

  fail(error: unknown): void {
    this.failure = error instanceof Error ? error : new Error(String(error));
    this.wake();
  }

  /** Calls `wake` for what is there already and for everything that comes. */
  onNews(wake: () => void): void {
    this.wake = wake;
    wake();
  }

  /** @throws the feed's error */
  take(): WatchEvent[] {
    if (this.failure) throw this.failure;
    const events = [...this.events.values()];
    this.events.clear();
    return events;
  }
}

function settle(start: Wait, inbox: Inbox, deps: AwaitDeps): Promise<Wait> {
  return new Promise((resolve, reject) => {
    let wait = start;
    let batch: CancelTimer | undefined;
    const stop = (): void => {
      inbox.onNews(() => {});
      batch?.();
      cancelTimeout();
      forgetInterrupt();
    };
    const giveUp = (): void => {
      stop();
      resolve(wait);
    };
    const look = (): void => {
      batch = undefined;
      try {
        wait = advance(wait, inbox.take());
      } catch (error) {
        stop();
        reject(error instanceof Error ? error : new Error(String(error)));
        return;
      }
      deps.view.show(wait);
      if (isSettled(wait)) giveUp();
    };
    const cancelTimeout = deps.clock.after(deps.timeoutMs, giveUp);
    const forgetInterrupt = deps.onInterrupt(giveUp);
    inbox.onNews(() => (batch ??= deps.clock.after(BATCH_MS, look)));
  });
}
