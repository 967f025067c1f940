import { Subject, type Observable } from 'rxjs';
import type { Clock } from '../../shared/clock.js';
import type { CommandUpdate } from '../../shared/gen/cordon/v1/agent_service.js';
import { type CommandOrder } from '../../shared/gen/cordon/v1/agent_service.js';
import { CommandState, type CommandResult, type CommandSpec } from '../../shared/gen/cordon/v1/command.js';
import type { Logger } from '../../shared/log.js';
import { fromDuration, fromTimestamp } from '../../shared/time.js';
import type { CommandJournal } from './journal.js';
import { isFinal, type Entry } from './journal.js';

/** Commands that wait or run; the server's own limit for a device is the same. */
const OPEN_LIMIT = 50;
const DEFAULT_RUN_TIMEOUT_MS = 300_000;
const LONGEST_ERROR = 1000;

/** Does the work of one command; undefined where this agent does not know the work. */
export type Work = (spec: CommandSpec) => (() => Promise<CommandResult>) | undefined;

/** Runs commands one at a time, in the order in which they came, each at most once. */
export class CommandRunner {
  private readonly updated = new Subject<CommandUpdate>();
  private readonly queue: string[] = [];
  private running:
    { readonly id: string; readonly end: (state: CommandState, error: string) => void } | undefined;
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

  /** Steps that the server may not have; sent at the start of every stream. */
  pending(): CommandUpdate[] {
    return this.journal.unacknowledged().map(({ update }) => update);
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
    if (known) return this.updated.next(known.update);
    if (!this.workOf(order)) {
      return this.finish(order.id, order, 'REJECTED', 'this agent does not know the command');
    }
    if (this.isLate(order)) return this.finish(order.id, order, 'EXPIRED', 'came after its expiry');
    if (this.journal.open().length >= OPEN_LIMIT) {
      return this.finish(order.id, order, 'REJECTED', `${OPEN_LIMIT} commands wait already`);
    }
    this.record(order.id, order, { state: CommandState.COMMAND_STATE_ACCEPTED });
    this.queue.push(order.id);
    this.startNext();
  }

  /** Stops a command; one that has not come yet will not run when it comes. */
  cancel(id: string): void {
    const entry = this.journal.get(id);
    if (entry && isFinal(entry.update.state)) return this.updated.next(entry.update);
    if (this.running?.id === id) return this.running.end(CommandState.COMMAND_STATE_CANCELLED, 'cancelled');
    const index = this.queue.indexOf(id);
    if (index >= 0) this.queue.splice(index, 1);
    this.finish(id, entry?.order, 'CANCELLED', 'cancelled');
  }

  /** Starts nothing more. What runs is found in the journal by the next start. */
  stop(): void {
    this.stopped = true;
    this.updated.complete();
  }

  private takeUp({ id, order, update }: Entry): void {
    if (update.state === CommandState.COMMAND_STATE_ACCEPTED && order) this.queue.push(id);
    else this.finish(id, order, 'TIMED_OUT', 'the agent stopped while it ran');
    queueMicrotask(() => this.startNext());
  }

  private startNext(): void {
    while (!this.running && !this.stopped) {
      const id = this.queue.shift();
      if (id === undefined) return;
      const order = this.journal.get(id)?.order;
      const work = order && this.workOf(order);
      if (!order || !work) this.finish(id, order, 'REJECTED', 'this agent does not know the command');
      else if (this.isLate(order)) this.finish(id, order, 'EXPIRED', 'was not started before its expiry');
      else this.run(order, work);
    }
  }

  private run(order: CommandOrder, work: () => Promise<CommandResult>): void {
    const timeoutMs = order.runTimeout ? fromDuration(order.runTimeout) : DEFAULT_RUN_TIMEOUT_MS;
    this.record(order.id, order, { state: CommandState.COMMAND_STATE_RUNNING });
    let over = false;
    const end = (update: Partial<CommandUpdate> & { state: CommandState }): void => {
      if (over || this.stopped) return;
      over = true;
      cancelTimer();
      this.running = undefined;
      this.record(order.id, order, update);
      this.startNext();
    };
    const cancelTimer = this.clock.after(timeoutMs, () =>
      end({ state: CommandState.COMMAND_STATE_TIMED_OUT, error: `ran longer than ${timeoutMs / 1000} s` }),
    );
    this.running = { id: order.id, end: (state, error) => end({ state, error }) };
    work().then(
      (result) => end({ state: CommandState.COMMAND_STATE_SUCCEEDED, result }),
      (error: unknown) => {
        this.log.warn({ err: error, command: order.id }, 'a command failed');
        end({ state: CommandState.COMMAND_STATE_FAILED, error: (error as Error).message });
      },
    );
  }

  private workOf(order: CommandOrder): (() => Promise<CommandResult>) | undefined {
    return order.spec && this.work(order.spec);
  }

  private isLate({ expiresAt }: CommandOrder): boolean {
    return expiresAt !== undefined && fromTimestamp(expiresAt) <= this.serverNow();
  }

  private finish(
    id: string,
    order: CommandOrder | undefined,
    state: 'REJECTED' | 'EXPIRED' | 'CANCELLED' | 'TIMED_OUT',
    error: string,
  ): void {
    this.record(id, order, { state: CommandState[`COMMAND_STATE_${state}`], error });
  }

  /** Journal first, then the news. */
  private record(
    id: string,
    order: CommandOrder | undefined,
    change: { state: CommandState; error?: string; result?: CommandResult },
  ): void {
    const update: CommandUpdate = {
      id,
      state: change.state,
      progressPercent: change.state === CommandState.COMMAND_STATE_SUCCEEDED ? 100 : 0,
      error: (change.error ?? '').slice(0, LONGEST_ERROR),
      result: change.result,
      progress: undefined,
    };
    const finishedAtMs = isFinal(change.state) ? this.clock.wall() : undefined;
    this.journal.put({ id, order, update, finishedAtMs, acknowledged: false });
    this.updated.next(update);
  }
}
