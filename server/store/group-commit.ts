import type { Kysely, Transaction } from 'kysely';
import type { Database } from './schema.js';

/** A transaction under way. */
export type Tx = Transaction<Database>;
/** Queries outside a transaction; never for changes. */
export type Reader = Kysely<Database>;

/** Most changes that share one commit: bounds how long the first one waits for the last. */
const LARGEST_GROUP = 256;
/** A group of this size shows a rush: the next one gathers for a moment. */
const RUSH = 8;
/** That moment, milliseconds: about as long as a commit takes. */
const GATHER_MS = 3;

interface Waiting {
  /** Makes the change; returns what to tell the caller once it is committed. */
  readonly run: (tx: Tx) => Promise<() => void>;
  readonly fail: (error: unknown) => void;
}

/**
 * Puts changes that arrive together into one commit: a commit waits for the disk, and one wait serves all. Where a change
 * of a group fails, the group is rolled back and each of its changes is made again, alone: a change must therefore have no
 * effect but on the transaction that it is given.
 */
export class GroupCommit {
  private waiting: Waiting[] = [];
  private working: Promise<void> | undefined;

  /** @param committed called after each commit, before its changes are answered */
  constructor(
    private readonly db: Reader,
    private readonly committed: () => void = () => undefined,
  ) {}

  run<Result>(change: (tx: Tx) => Promise<Result>): Promise<Result> {
    return new Promise<Result>((resolve, reject) => {
      const run = async (tx: Tx): Promise<() => void> => {
        const result = await change(tx);
        return () => resolve(result);
      };
      this.waiting.push({ run, fail: reject });
      this.working ??= this.work();
    });
  }

  /** Resolves when nothing waits. */
  async idle(): Promise<void> {
    await this.working;
  }

  private async work(): Promise<void> {
    let rush = false;
    while (this.waiting.length > 0) {
      // SQLite works within this thread, so nothing arrives during a commit: let the event loop read every socket that is
      // ready first, and what they bring shares the commit.
      await new Promise((resolve) => (rush ? setTimeout(resolve, GATHER_MS) : setImmediate(resolve)));
      const group = this.waiting.splice(0, LARGEST_GROUP);
      rush = group.length >= RUSH;
      if (await this.commit(group)) continue;
      for (const change of group) await this.commit([change]);
    }
    this.working = undefined;
  }

  /** False: the group failed, nothing of it is kept, and each change is to be tried alone. */
  private async commit(group: readonly Waiting[]): Promise<boolean> {
    try {
      const answers = await this.db.transaction().execute(async (tx) => {
        const done: (() => void)[] = [];
        for (const change of group) done.push(await change.run(tx));
        return done;
      });
      this.committed();
      for (const answer of answers) answer();
      return true;
    } catch (error) {
      if (group.length > 1) return false;
      for (const change of group) change.fail(error);
      return true;
    }
  }
}
