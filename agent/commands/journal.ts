import { join } from 'node:path';
import { z } from 'zod';
import type { Clock } from '../../shared/clock.js';
import { CommandOrder, CommandUpdate } from '../../shared/gen/cordon/v1/agent_service.js';
import { CommandState } from '../../shared/gen/cordon/v1/command.js';
import { AppendLog } from '../append-log.js';

/** Finished commands answer duplicates for this long. */
const KEPT_MS = 7 * 86_400_000;
/** Commands in the journal, finished ones included; the oldest finished one makes room. */
const JOURNAL_LIMIT = 1000;
/** Dead lines in the file before it is rewritten. */
const SLACK = 200;
/** Dead bytes in it, about: orders may be large, and each step has the whole order. */
const SLACK_BYTES = 16 * 1024 * 1024;

export interface Entry {
  readonly id: string;
  /** What was ordered; undefined: it is over, or was cancelled before it came. */
  readonly order: CommandOrder | undefined;
  /** Latest step. */
  readonly update: CommandUpdate;
  /** Wall clock, milliseconds; undefined: not finished. */
  readonly finishedAtMs: number | undefined;
  /** The server has the final step; what the command found is not kept any longer then. */
  readonly acknowledged: boolean;
  /** An operator wants it to wait. */
  readonly paused: boolean;
  /** How long it has worked, milliseconds, as far as it was written down; undefined: it was never started. */
  readonly workedMs: number | undefined;
  /** How often in a row the agent ended in the middle of it without its having come further in between. */
  readonly fruitless: number;
}

const line = z.object({
  id: z.string(),
  order: z.string().optional(),
  update: z.string(),
  finishedAtMs: z.number().optional(),
  acknowledged: z.boolean(),
  paused: z.boolean().default(false),
  workedMs: z.number().optional(),
  fruitless: z.number().default(0),
});

/** States after which nothing more happens. */
export function isFinal(state: CommandState): boolean {
  switch (state) {
    case CommandState.COMMAND_STATE_SUCCEEDED:
    case CommandState.COMMAND_STATE_FAILED:
    case CommandState.COMMAND_STATE_TIMED_OUT:
    case CommandState.COMMAND_STATE_CANCELLED:
    case CommandState.COMMAND_STATE_EXPIRED:
    case CommandState.COMMAND_STATE_REJECTED:
      return true;
    default:
      return false;
  }
}

/** What this device knows about every command that it was sent, on disk. */
export class CommandJournal {
  private readonly log: AppendLog;
  private readonly entries = new Map<string, Entry>();
  /** Size of the file when it was written last, bytes. */
  private rewrittenSize = 0;

  constructor(
    dataDir: string,
    private readonly clock: Clock,
  ) {
    this.log = new AppendLog(join(dataDir, 'commands.log'));
    for (const record of this.log.read()) {
      const parsed = line.safeParse(record);
      if (parsed.success) this.entries.set(parsed.data.id, fromLine(parsed.data));
    }
    this.prune();
  }

  get(id: string): Entry | undefined {
    return this.entries.get(id);
  }

  /**
   * Is on disk when this returns true. False: the disk takes nothing, and only this agent knows; the next one goes on from
   * the step before. What nobody will ask for again is left out: the order of one that is over, and so on.
   * @throws Error of the file system, for a command that is not known yet: it is none then
   */
  put(given: Entry): boolean {
    const entry = withoutNeedless(given);
    let written = true;
    try {
      this.log.append(toLine(entry));
    } catch (error) {
      if (!this.entries.has(entry.id)) throw error;
      written = false;
    }
    this.entries.set(entry.id, entry);
    this.prune();
    return written;
  }

  /** Commands that have not come to an end. */
  open(): Entry[] {
    return [...this.entries.values()].filter(({ update }) => !isFinal(update.state));
  }

  /** Commands whose final step the server may not have yet, and those that are not finished; oldest first. */
  unacknowledged(): Entry[] {
    return [...this.entries.values()].filter(({ acknowledged }) => !acknowledged);
  }

  private prune(): void {
    const old = this.clock.wall() - KEPT_MS;
    let excess = this.entries.size - JOURNAL_LIMIT;
    for (const { id, finishedAtMs } of this.entries.values()) {
      if (finishedAtMs === undefined || (finishedAtMs >= old && excess <= 0)) continue;
      this.entries.delete(id);
      excess -= 1;
    }
    const { length, size } = this.log;
    if (length <= this.entries.size + SLACK && size <= this.rewrittenSize * 2 + SLACK_BYTES) return;
    try {
      this.log.rewrite([...this.entries.values()].map(toLine));
      this.rewrittenSize = this.log.size;
    } catch {
      // The old file has all of it too; the next step tries again.
    }
  }
}

function withoutNeedless(entry: Entry): Entry {
  if (!isFinal(entry.update.state)) return entry;
  const update = entry.acknowledged ? { ...entry.update, result: undefined } : entry.update;
  return { ...entry, order: undefined, update };
}

function toLine({ order, update, ...rest }: Entry): z.input<typeof line> {
  return {
    ...rest,
    order: order && Buffer.from(CommandOrder.encode(order).finish()).toString('base64'),
    update: Buffer.from(CommandUpdate.encode(update).finish()).toString('base64'),
  };
}

function fromLine({ order, update, finishedAtMs, workedMs, ...rest }: z.output<typeof line>): Entry {
  return {
    ...rest,
    order: order === undefined ? undefined : CommandOrder.decode(Buffer.from(order, 'base64')),
    update: CommandUpdate.decode(Buffer.from(update, 'base64')),
    finishedAtMs,
    workedMs,
  };
}
