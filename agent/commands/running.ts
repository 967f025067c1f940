import { Subject } from 'rxjs';
import type { CancelTimer, Clock } from '../../shared/clock.js';
import { CommandState, type CommandResult } from '../../shared/gen/cordon/v1/command.js';
import type { ScanProgress } from '../../shared/gen/cordon/v1/ioc.js';
import type { Logger } from '../../shared/log.js';
import type { Job, Steering } from './job.js';

/** How far a command has come is told at most this often. */
const TELL_EVERY_MS = 5_000;
/** How long a job that was told to end has for what it has found. */
const FINISH_WITHIN_MS = 20_000;

/** How a command ended. */
export interface Ending {
  readonly state: CommandState;
  readonly error: string;
  readonly result: CommandResult | undefined;
}

export interface Progress {
  /** 0 to 100. */
  readonly percent: number;
  readonly progress: ScanProgress | undefined;
}

export interface RunningParts {
  readonly clock: Clock;
  readonly log: Logger;
  /** Longest run, milliseconds, pauses left out. */
  readonly timeoutMs: number;
  /** What it has worked before, milliseconds. */
  readonly workedMs: number;
  /** How far it had come before. */
  readonly progress: Progress;
  /** It is time to tell how far it has come. */
  readonly tell: () => void;
  readonly advanced: () => void;
  /** Called once. */
  readonly ended: (ending: Ending) => void;
}

/** One command that works or pauses. Owns its timers and ends them. */
export class Running {
  private readonly steering = new Subject<Steering>();
  private latest: Progress;
  private workedBeforeMs: number;
  /** Since boot, milliseconds; undefined: it pauses. */
  private since: number | undefined;
  private limit: CancelTimer | undefined;
  private grace: CancelTimer | undefined;
  private telling: CancelTimer | undefined;
  private toldAt = -Infinity;
  /** Why it was told to end; undefined: it was not. */
  private ending: Ending | undefined;
  private over = false;
  private done: Promise<void> = Promise.resolve();

  constructor(
    private readonly job: Job,
    private readonly parts: RunningParts,
  ) {
    this.latest = parts.progress;
    this.workedBeforeMs = parts.workedMs;
    this.count();
  }

  /** Starts the work. */
  start(): void {
    const { job, steering } = this;
    const control = {
      steering: steering.asObservable(),
      progress: (percent: number, progress: ScanProgress): void => this.note({ percent, progress }),
      workedMs: () => this.workedMs,
      advanced: (): void => {
        if (!this.over) this.parts.advanced();
      },
    };
    const work = job.kind === 'short' ? job.run() : job.run(control);
    this.done = work.then(
      (result) => this.end(this.ending ? { ...this.ending, result } : succeeded(result)),
      (error: unknown) => {
        this.parts.log.warn({ err: error }, 'a command failed');
        const { message } = error as Error;
        this.end(
          this.ending ?? { state: CommandState.COMMAND_STATE_FAILED, error: message, result: undefined },
        );
      },
    );
  }

  get kind(): Job['kind'] {
    return this.job.kind;
  }

  /** How far it has come, as far as it has said. */
  get progress(): Progress {
    return this.latest;
  }

  /** How long it has worked, pauses left out, milliseconds. */
  get workedMs(): number {
    return this.workedBeforeMs + (this.since === undefined ? 0 : this.parts.clock.sinceBoot() - this.since);
  }

  /** Whether it can be paused or resumed: not a short one, not one that is about to end. */
  get steerable(): boolean {
    return this.job.kind === 'long' && this.ending === undefined && !this.over;
  }

  pause(): void {
    this.workedBeforeMs = this.workedMs;
    this.since = undefined;
    this.limit?.();
    this.steering.next('pause');
  }

  resume(): void {
    if (this.since === undefined) this.count();
    this.steering.next('resume');
  }

  /** Ends it: a short one now, a long one as soon as it has told what it has found. */
  stop(state: CommandState, error: string): void {
    if (this.ending) return;
    this.ending = { state, error, result: undefined };
    if (this.job.kind === 'short') return this.end(this.ending);
    const ending = this.ending;
    this.limit?.();
    this.grace = this.parts.clock.after(FINISH_WITHIN_MS, () => this.end(ending));
    this.steering.next('finish');
  }

  /** The agent ends: nothing more is told. Resolves when a long job has stopped. */
  async abandon(): Promise<void> {
    if (!this.over) this.close();
    this.steering.next('abandon');
    this.steering.complete();
    if (this.job.kind === 'long') await this.done;
  }

  private count(): void {
    const { clock, timeoutMs } = this.parts;
    this.since = clock.sinceBoot();
    this.limit = clock.after(timeoutMs - this.workedBeforeMs, () =>
      this.stop(CommandState.COMMAND_STATE_TIMED_OUT, `ran longer than ${timeoutMs / 1000} s`),
    );
  }

  private note(progress: Progress): void {
    if (this.over) return;
    this.latest = progress;
    if (this.telling) return;
    const { clock, tell } = this.parts;
    const waitMs = this.toldAt + TELL_EVERY_MS - clock.sinceBoot();
    const now = (): void => {
      this.telling = undefined;
      this.toldAt = clock.sinceBoot();
      tell();
    };
    if (waitMs <= 0) now();
    else this.telling = clock.after(waitMs, now);
  }

  private end(ending: Ending): void {
    if (this.over) return;
    this.close();
    this.steering.complete();
    this.parts.ended(ending);
  }

  private close(): void {
    this.over = true;
    this.limit?.();
    this.grace?.();
    this.telling?.();
  }
}

function succeeded(result: CommandResult | undefined): Ending {
  return { state: CommandState.COMMAND_STATE_SUCCEEDED, error: '', result };
}
