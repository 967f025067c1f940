import type { Observable } from 'rxjs';
import type { CommandResult, CommandSpec } from '../../shared/gen/cordon/v1/command.js';
import type { ScanProgress } from '../../shared/gen/cordon/v1/ioc.js';

/** Work of seconds: it does not outlast the agent, cannot be paused, and what it says after its time is ignored. */
export interface ShortJob {
  readonly kind: 'short';
  readonly run: () => Promise<CommandResult>;
}

/** Work of hours: it can be paused, goes on after a restart of the agent, and has something to show when it is stopped. */
export interface LongJob {
  readonly kind: 'long';
  /** Whether everything is there that it needs to start. */
  readonly ready: () => boolean;
  /**
   * Works, from where an earlier run of the same command had come to. Resolves to what was found; undefined only where it
   * was told to end and has nothing to show.
   */
  readonly run: (control: RunControl) => Promise<CommandResult | undefined>;
  /** What earlier runs had found; undefined: nothing is known of any. */
  readonly found: () => CommandResult | undefined;
  /** The command has come to its end: what was kept for it may go. */
  readonly forget: () => void;
}

export type Job = ShortJob | LongJob;

/** What a long job is told while it works. */
export type Steering =
  | 'pause'
  | 'resume'
  /** End soon, with what was found by now. */
  | 'finish'
  /** The agent ends: stop at once, the next one goes on. */
  | 'abandon';

/** The runner as a long job sees it. */
export interface RunControl {
  /** Completes when the run is over. */
  readonly steering: Observable<Steering>;
  /** How far it has come. May be called as often as one likes. @param percent 0 to 100 */
  readonly progress: (percent: number, progress: ScanProgress) => void;
  /** How long it has worked, in earlier runs too and pauses left out, milliseconds. */
  readonly workedMs: () => number;
  /** It has come further, in a way that outlasts the agent. */
  readonly advanced: () => void;
}

/**
 * The job of one command; undefined where this agent does not know the work.
 * @param id of the command
 */
export type Work = (spec: CommandSpec, id: string) => Job | undefined;
