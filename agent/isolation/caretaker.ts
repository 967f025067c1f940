import type { Observable, Subscription } from 'rxjs';
import type { CancelTimer, Clock } from '../../shared/clock.js';
import type { Logger } from '../../shared/log.js';
import type { Disturbance } from '../enforce/enforcer.js';
import type { Moment } from './deadline.js';
import { nextDeadlineMs } from './machine.js';
import type { State } from './state.js';

/** How often rules, names and failed effects are looked at again while the device is not released. */
const INSPECT_EVERY_MS = 30_000;
/** How soon something that failed is tried again: until then the device may be open. */
const RETRY_AFTER_MS = 1_000;

/** Why to look at the isolation again. */
export type Occasion = 'disturbance' | 'time';

export interface CaretakerParts {
  readonly clock: Clock;
  readonly log: Logger;
  readonly now: () => Moment;
  readonly watch: () => Observable<Disturbance>;
  /** Looks, after everything that is under way; calls `begun` when it begins. */
  readonly look: (occasion: Occasion, begun: () => void) => Promise<void>;
}

/** Decides when to look at the isolation again: deadlines, disturbances, retries, resumes. A released device costs nothing. */
export class Caretaker {
  private timer: CancelTimer | undefined;
  private watcher: Subscription | undefined;
  private resumes: CancelTimer | undefined;
  private looksSoon = false;
  private lookedAtMs = 0;
  private stopped = false;

  constructor(private readonly parts: CaretakerParts) {}

  /** Sets the timer and the watcher that a state needs. */
  arm(state: State, unsaved: boolean): void {
    this.timer?.();
    this.timer = undefined;
    const active = state.kind !== 'RELEASED' && !this.stopped;
    if (!this.watcher) this.lookedAtMs = this.parts.clock.sinceBoot();
    if (active) {
      this.watcher ??= this.watch();
      // Neither timers nor the kernel's deadline count a suspend: what is left is worked out anew after one.
      this.resumes ??= this.parts.clock.onResume(() => this.run('time'));
    } else this.unwatch();
    if (this.stopped || (!active && !unsaved)) return;
    const { clock, now } = this.parts;
    const wait = unsaved || isFailing(state) ? RETRY_AFTER_MS : INSPECT_EVERY_MS;
    const deadline = nextDeadlineMs(state, now()) ?? Infinity;
    // Counted from the last look: whatever else happens in between does not put the next one off.
    const left = Math.max(0, this.lookedAtMs + wait - clock.sinceBoot());
    this.timer = clock.after(Math.min(left, deadline), () => {
      this.lookedAtMs = clock.sinceBoot();
      this.run('time');
    });
  }

  /** Nothing is looked at any more. */
  stop(): void {
    this.stopped = true;
    this.timer?.();
    this.unwatch();
  }

  private watch(): Subscription {
    return this.parts.watch().subscribe({
      next: () => {
        // Any number of disturbances that wait are one look.
        if (!this.looksSoon) this.run('disturbance');
      },
      error: (error: unknown) => {
        this.watcher = undefined;
        this.parts.log.warn(
          { err: error },
          'the watch over the packet filter ended; the next inspection renews it',
        );
      },
    });
  }

  private unwatch(): void {
    this.watcher?.unsubscribe();
    this.watcher = undefined;
    this.resumes?.();
    this.resumes = undefined;
  }

  private run(occasion: Occasion): void {
    this.looksSoon = true;
    // What happens from here on needs another look.
    const begun = (): void => {
      this.looksSoon = false;
    };
    this.parts.look(occasion, begun).catch((error: unknown) => {
      this.parts.log.error({ err: error }, 'the isolation could not be checked (this is a bug)');
    });
  }
}

function isFailing(state: State): boolean {
  return (
    state.kind === 'RELEASING' || state.kind === 'ENFORCING' || (state.kind === 'DEGRADED' && !state.proof)
  );
}
