import { Subject, type Observable } from 'rxjs';
import type { CancelTimer, Clock } from '../../shared/clock.js';
import { CommandOrder, type CommandUpdate } from '../../shared/gen/cordon/v1/agent_service.js';
import { CommandState, type CommandResult } from '../../shared/gen/cordon/v1/command.js';
import type { Logger } from '../../shared/log.js';
import { fromDuration, fromTimestamp } from '../../shared/time.js';
import type { Job, Work } from './job.js';
import { isFinal, type CommandJournal, type Entry } from './journal.js';
import { Running, type Ending, type Progress } from './running.js';

/** Commands that wait or run; the server's own limit for a device is the same. */
const OPEN_LIMIT = 50;
/** All that wait are kept in memory and on disk. */
const LARGEST_ORDER = 1024 * 1024;
const DEFAULT_RUN_TIMEOUT_MS = 300_000;
const LONGEST_ERROR = 1000;
/** A wall clock that was set may have been what decides: what waits for its time is looked at this often. */
const LOOK_EVERY_MS = 60_000;
/** A long job that took the agent with it so often would do so again. */
const MOST_FRUITLESS = 5;
/** How long a command has worked is written down this often. */
const NOTE_EVERY_MS = 60_000;

const { COMMAND_STATE_ACCEPTED: ACCEPTED, COMMAND_STATE_RUNNING: RUNNING } = CommandState;
const { COMMAND_STATE_PAUSED: PAUSED, COMMAND_STATE_CANCELLED: CANCELLED } = CommandState;
const { COMMAND_STATE_TIMED_OUT: TIMED_OUT, COMMAND_STATE_EXPIRED: EXPIRED } = CommandState;
const { COMMAND_STATE_REJECTED: REJECTED } = CommandState;

/**
 * Runs each command at most once. Short and long ones have a lane each, and in a lane they run one at a time in the order in
 * which they came, those that may not start yet left aside.
 */
export class CommandRunner {
  private readonly updated = new Subject<CommandUpdate>();
  private readonly jobs = new Map<string, Job>();
  private readonly running = new Map<string, Running>();
  /** Commands to pause that have not come yet. */
  private readonly pausedAhead = new Set<string>();
  private alarm: CancelTimer | undefined;
  private readonly unwatchResume: CancelTimer;
  private stopped = false;

  /** @param serverNow server clock, milliseconds since 1970, as far as it is known */
  constructor(
    private readonly journal: CommandJournal,
    private readonly work: Work,
    private readonly clock: Clock,
    private readonly serverNow: () => number,
    private readonly log: Logger,
  ) {
    for (const entry of journal.open()) this.takeUp(entry);
    this.unwatchResume = clock.onResume(() => this.look());
    queueMicrotask(() => this.look());
  }

  /** Steps of commands as they happen. */
  get updates(): Observable<CommandUpdate> {
    return this.updated;
  }

  /** For Hello. */
  openIds(): string[] {
    return this.journal
      .unacknowledged()
      .slice(-OPEN_LIMIT)
      .map(({ id }) => id);
  }

  /** Orders that have not come to an end. */
  openOrders(): CommandOrder[] {
    return this.journal.open().flatMap(({ order }) => (order ? [order] : []));
  }

  /** Steps that the server may not have; sent at the start of every stream. */
  pending(): CommandUpdate[] {
    return this.journal.unacknowledged().map(({ update }) => this.withProgress(update));
  }

  /** The server has the final step of a command. */
  acknowledged(id: string): void {
    const entry = this.journal.get(id);
    if (entry && !entry.acknowledged && isFinal(entry.update.state)) {
      this.journal.put({ ...entry, acknowledged: true });
    }
  }

  /** Takes an order: it is in the journal when ACCEPTED is emitted. A known one is answered and not run again. */
  order(order: CommandOrder): void {
    const known = this.journal.get(order.id);
    if (known) return this.updated.next(this.withProgress(known.update));
    if (CommandOrder.encode(order).finish().length > LARGEST_ORDER) {
      return this.finish(blank(order.id), REJECTED, 'the command is larger than 1 MiB; give it fewer paths');
    }
    const entry: Entry = { ...blank(order.id), order, paused: this.pausedAhead.delete(order.id) };
    if (!this.jobOf(entry)) return this.finish(entry, REJECTED, 'this agent does not know the command');
    if (isDue(order.expiresAt, this.serverNow())) {
      return this.finish(entry, EXPIRED, 'came after its expiry');
    }
    if (this.journal.open().length >= OPEN_LIMIT) {
      return this.finish(entry, REJECTED, `${OPEN_LIMIT} commands wait already`);
    }
    this.record(entry, { state: ACCEPTED });
    this.look();
  }

  /** Stops a command; one that has not come yet will not run when it comes. */
  cancel(id: string): void {
    const entry = this.journal.get(id) ?? blank(id);
    if (isFinal(entry.update.state)) return this.updated.next(entry.update);
    const running = this.running.get(id);
    if (running) return running.stop(CANCELLED, 'cancelled');
    this.finish(entry, CANCELLED, 'cancelled');
  }

  /** Lets a command wait: one that works, and one that has not started, when its time comes. A short one runs to its end. */
  pause(id: string): void {
    const entry = this.journal.get(id);
    if (!entry) return this.pauseAhead(id);
    const running = this.running.get(id);
    if (isFinal(entry.update.state) || entry.paused || (running && !running.steerable)) {
      return this.updated.next(this.withProgress(entry.update));
    }
    running?.pause();
    this.record({ ...entry, paused: true }, { state: running ? PAUSED : entry.update.state });
    this.look();
  }

  /** Lets a command that waits go on. */
  resume(id: string): void {
    this.pausedAhead.delete(id);
    const entry = this.journal.get(id);
    if (!entry) return;
    const running = this.running.get(id);
    if (!entry.paused || (running && !running.steerable)) {
      return this.updated.next(this.withProgress(entry.update));
    }
    const unstarted = entry.workedMs === undefined ? ACCEPTED : entry.update.state;
    this.record({ ...entry, paused: false }, { state: running ? RUNNING : unstarted });
    running?.resume();
    this.look();
  }

  /** Starts what may start now. To be called when something has come that commands may wait for. */
  look(): void {
    if (this.stopped) return;
    const waiting = this.journal.open().filter(({ id }) => !this.running.has(id));
    // What was interrupted goes first.
    for (const entry of waiting.filter(isStarted)) this.consider(entry);
    for (const entry of waiting.filter((each) => !isStarted(each))) this.consider(entry);
    this.setAlarm();
  }

  /** Starts nothing more. What runs is found in the journal by the next start. Resolves when nothing runs any more. */
  async stop(): Promise<void> {
    this.stopped = true;
    this.alarm?.();
    this.unwatchResume();
    this.updated.complete();
    await Promise.all([...this.running.values()].map((running) => running.abandon()));
  }

  /** What an earlier agent left open. */
  private takeUp(entry: Entry): void {
    if (entry.update.state !== RUNNING) return;
    const job = this.jobOf(entry);
    if (job?.kind !== 'long') return this.finish(entry, TIMED_OUT, 'the agent stopped while it ran');
    const fruitless = entry.fruitless + 1;
    if (fruitless > MOST_FRUITLESS) {
      const why = `the agent stopped ${fruitless} times while it ran, and it had not come further in between`;
      return this.finish(entry, TIMED_OUT, why);
    }
    this.journal.put({ ...entry, fruitless });
  }

  /** Starts a command that waits, or ends it, or lets it wait on. */
  private consider(entry: Entry): void {
    const { order } = entry;
    const job = this.jobOf(entry);
    const now = this.serverNow();
    if (!order || !job) return this.finish(entry, REJECTED, 'this agent does not know the command');
    if (!isStarted(entry) && isDue(order.expiresAt, now)) {
      return this.finish(entry, EXPIRED, 'was not started before its expiry');
    }
    if (order.notBefore && !isDue(order.notBefore, now)) return;
    if (entry.paused) {
      if (entry.update.state !== PAUSED) this.record(entry, { state: PAUSED });
      return;
    }
    const busy = [...this.running.values()].some(({ kind }) => kind === job.kind);
    if (!busy && (job.kind === 'short' || job.ready())) this.start(entry, order, job);
  }

  private start(entry: Entry, order: CommandOrder, job: Job): void {
    const { id } = entry;
    const running = new Running(job, {
      clock: this.clock,
      log: this.log.child({ command: id }),
      timeoutMs: order.runTimeout ? fromDuration(order.runTimeout) : DEFAULT_RUN_TIMEOUT_MS,
      workedMs: entry.workedMs ?? 0,
      progress: { percent: entry.update.progressPercent, progress: entry.update.progress },
      tell: () => this.tell(id),
      advanced: () => this.noteAdvance(id, running),
      ended: (ending) => {
        this.running.delete(id);
        const last = this.journal.get(id) ?? entry;
        const result = ending.result ?? foundBy(job);
        this.record({ ...last, workedMs: running.workedMs }, { ...ending, result }, running.progress);
        this.look();
      },
    });
    this.running.set(id, running);
    this.record({ ...entry, workedMs: entry.workedMs ?? 0 }, { state: RUNNING });
    running.start();
  }

  /** A run that comes further is not what makes the agent end; how long it has worked outlasts the agent, too. */
  private noteAdvance(id: string, running: Running): void {
    const entry = this.journal.get(id);
    if (!entry) return;
    const { workedMs } = running;
    if (entry.fruitless === 0 && workedMs - (entry.workedMs ?? 0) < NOTE_EVERY_MS) return;
    this.journal.put({ ...entry, workedMs, fruitless: 0 });
  }

  private tell(id: string): void {
    const entry = this.journal.get(id);
    if (entry) this.updated.next(this.withProgress(entry.update));
  }

  private withProgress(update: CommandUpdate): CommandUpdate {
    const running = this.running.get(update.id);
    return running ? { ...update, ...told(running.progress) } : update;
  }

  private pauseAhead(id: string): void {
    if (this.pausedAhead.size < OPEN_LIMIT) this.pausedAhead.add(id);
  }

  private jobOf({ id, order }: Entry): Job | undefined {
    const job = this.jobs.get(id) ?? (order?.spec && this.work(order.spec, id));
    if (job) this.jobs.set(id, job);
    return job;
  }

  /** The next moment at which one of those that wait may start, or is too late. */
  private setAlarm(): void {
    this.alarm?.();
    this.alarm = undefined;
    const now = this.serverNow();
    const moments = this.journal.open().flatMap((entry) => {
      if (this.running.has(entry.id) || isStarted(entry)) return [];
      const { notBefore, expiresAt } = entry.order ?? {};
      return [notBefore, expiresAt].flatMap((moment) => (moment ? [fromTimestamp(moment)] : []));
    });
    const next = Math.min(...moments.filter((moment) => moment > now));
    if (Number.isFinite(next)) {
      this.alarm = this.clock.after(Math.min(next - now, LOOK_EVERY_MS), () => this.look());
    }
  }

  /** Ends one that does not run. */
  private finish(entry: Entry, state: CommandState, error: string): void {
    this.record(entry, { state, error, result: foundBy(this.jobOf(entry)) });
  }

  /** Journal first, then the news. */
  private record(
    entry: Entry,
    change: Partial<Ending> & Pick<Ending, 'state'>,
    progress = this.running.get(entry.id)?.progress,
  ): void {
    const { id } = entry;
    const final = isFinal(change.state);
    const { progressPercent, progress: far } = progress ? told(progress) : entry.update;
    const update: CommandUpdate = {
      id,
      state: change.state,
      progressPercent: change.state === CommandState.COMMAND_STATE_SUCCEEDED ? 100 : progressPercent,
      error: (change.error ?? '').slice(0, LONGEST_ERROR),
      result: change.result,
      progress: far,
    };
    const finishedAtMs = final ? this.clock.wall() : undefined;
    if (!this.journal.put({ ...entry, update, finishedAtMs, acknowledged: false })) {
      const state = CommandState[change.state];
      this.log.error(
        { command: id, state },
        'a step of a command cannot be saved; make room in the data folder',
      );
    }
    if (final) this.forget(id);
    this.updated.next(update);
  }

  private forget(id: string): void {
    const job = this.jobs.get(id);
    this.jobs.delete(id);
    if (job?.kind === 'long') job.forget();
  }
}

const foundBy = (job: Job | undefined): CommandResult | undefined =>
  job?.kind === 'long' ? job.found() : undefined;

const isStarted = ({ workedMs }: Entry): boolean => workedMs !== undefined;

/** Whether a moment of the server's clock has come. An absent one never does. */
function isDue(moment: CommandOrder['expiresAt'], now: number): boolean {
  return moment !== undefined && fromTimestamp(moment) <= now;
}

function told({ percent, progress }: Progress): Pick<CommandUpdate, 'progressPercent' | 'progress'> {
  return { progressPercent: Math.trunc(percent), progress };
}

/** A command of which nothing is known yet. */
function blank(id: string): Entry {
  const update: CommandUpdate = {
    id,
    state: CommandState.COMMAND_STATE_UNSPECIFIED,
    progressPercent: 0,
    error: '',
    result: undefined,
    progress: undefined,
  };
  return {
    id,
    order: undefined,
    update,
    finishedAtMs: undefined,
    acknowledged: false,
    paused: false,
    workedMs: undefined,
    fruitless: 0,
  };
}
