import { Observable } from 'rxjs';
import type { CancelTimer, Clock } from '../../../shared/clock.js';
import type { Disturbance } from '../enforcer.js';
import type { WfpEngine } from './engine-interface.js';
import { concernsUs } from './holdings.js';
import type { Guid } from './guids.js';
import { PROVIDER } from './own-objects.js';
import type { FilterChange } from './types.js';

/** Changes of one transaction arrive together; one look afterwards is enough. Milliseconds. */
const SETTLE_MS = 25;
/** How often BFE is asked for a sign of life: one that was stopped tells nobody. */
const LOOK_EVERY_MS = 900;
/** The next sign of life after a missing one is asked for up to this much earlier, so that not all programs do at once. */
const JITTER_MS = 200;
/** Changes by strangers that are looked at one by one; where there are more, everything is looked at. */
const MOST_STRANGERS = 32;

export interface WatchParts {
  readonly clock: Clock;
  readonly random: () => number;
  /** Does `work` with the engine when everything that is under way is done. */
  readonly use: <T>(work: (engine: WfpEngine) => Promise<T>) => Promise<T>;
  /** Whether this process wrote a filter with that key, and wants it. */
  readonly isOwn: (key: Guid) => boolean;
  /** What differs from what this process wrote; undefined: nothing. */
  readonly difference: () => Promise<string | undefined>;
}

/** Emits whenever filters of ours may have been changed by somebody else, or BFE does not answer. */
export function watchFilters(parts: WatchParts): Observable<Disturbance> {
  return new Observable((subscriber) => {
    const watch = new Watch(parts, (detail) => subscriber.next({ detail }));
    watch.start();
    return () => watch.stop();
  });
}

class Watch {
  private stopped = false;
  private settling: CancelTimer | undefined;
  private nextLook: CancelTimer | undefined;
  /** The engine that tells about changes; another one knows nothing of them. */
  private subscribed: { readonly engine: WfpEngine; readonly subscription: Disposable } | undefined;
  /** Keys of filters that were changed since the last look. */
  private readonly changed = new Set<Guid>();

  constructor(
    private readonly parts: WatchParts,
    private readonly emit: (detail: string) => void,
  ) {}

  start(): void {
    void this.lookForLife();
  }

  stop(): void {
    this.stopped = true;
    this.settling?.();
    this.nextLook?.();
    this.unsubscribe();
  }

  private async lookForLife(): Promise<void> {
    const { clock, random } = this.parts;
    let sooner = 0;
    try {
      await this.parts.use(async (engine) => {
        await this.subscribeTo(engine);
        await engine.provider(PROVIDER.key);
      });
    } catch (error) {
      this.tell(`BFE does not answer: ${(error as Error).message}`);
      sooner = random() * JITTER_MS;
    }
    if (!this.stopped) this.nextLook = clock.after(LOOK_EVERY_MS - sooner, () => void this.lookForLife());
  }

  private async subscribeTo(engine: WfpEngine): Promise<void> {
    if (this.stopped || this.subscribed?.engine === engine) return;
    this.unsubscribe();
    const subscription = await engine.subscribe((change) => this.note(change));
    this.subscribed = { engine, subscription };
    if (this.stopped) this.unsubscribe();
    // Whatever happened while nobody watched.
    else void this.lookAtAll('nobody watched for a moment');
  }

  private unsubscribe(): void {
    const { subscribed } = this;
    this.subscribed = undefined;
    subscribed?.subscription[Symbol.dispose]();
  }

  private note({ key }: FilterChange): void {
    if (this.stopped) return;
    // One more than is looked at one by one tells enough.
    if (this.changed.size <= MOST_STRANGERS) this.changed.add(key);
    this.settling ??= this.parts.clock.after(SETTLE_MS, () => {
      this.settling = undefined;
      void this.judge();
    });
  }

  /** Looks after each change, so that our own transactions stay silent and a foreign one among them does not. */
  private async judge(): Promise<void> {
    try {
      const concerned = await this.parts.use(async (engine) => {
        const keys = [...this.changed];
        this.changed.clear();
        return keys.length > MOST_STRANGERS || (await this.anyOfOurs(engine, keys));
      });
      if (concerned) await this.lookAtAll('filters were changed');
    } catch (error) {
      this.tell(`BFE does not answer: ${(error as Error).message}`);
    }
  }

  private async anyOfOurs(engine: WfpEngine, keys: readonly Guid[]): Promise<boolean> {
    if (keys.some((key) => this.parts.isOwn(key))) return true;
    for (const key of keys) {
      const found = await engine.filter(key);
      if (found && concernsUs(found)) return true;
    }
    return false;
  }

  private async lookAtAll(occasion: string): Promise<void> {
    const difference = await this.parts.difference();
    if (difference !== undefined) this.tell(`${difference} (${occasion})`);
  }

  private tell(detail: string): void {
    if (!this.stopped) this.emit(detail);
  }
}
