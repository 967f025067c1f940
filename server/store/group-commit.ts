import { sql, type Kysely, type Transaction } from 'kysely';
import type { Database } from './schema.js';

/** A transaction under way. */
export type Tx = Transaction<Database>;
/** Queries outside a transaction; never for changes. */
export type Reader = Kysely<Database>;

/** Most changes that share one commit: bounds how long the first one waits for the last. */
const LARGEST_GROUP = 256;

interface Waiting {
  /** Runs the change between savepoints; returns what to tell the caller once the group is committed. */
  readonly run: (tx: Tx) => Promise<() => void>;
  readonly fail: (error: unknown) => void;
}

/**
 * Puts changes that arrive while a commit is under way into the next one: a commit waits for the disk, and one wait
 * serves all. A change that fails is rolled back alone, to its savepoint.
 */
export class GroupCommit {
  private waiting: Waiting[] = [];
  private working: Promise<void> | undefined;

  constructor(private readonly db: Reader) {}

  run<Result>(change: (tx: Tx) => Promise<Result>): Promise<Result> {
    return new Promise<Result>((resolve, reject) => {
      const run = async (tx: Tx): Promise<() => void> => {
        await sql`savepoint one_change`.execute(tx);
        try {
          const result = await change(tx);
          await sql`release savepoint one_change`.execute(tx);
          return () => resolve(result);
        } catch (error) {
          await sql`rollback to savepoint one_change`.execute(tx);
          await sql`release savepoint one_change`.execute(tx);
          return () => reject(error instanceof Error ? error : new Error(String(error)));
        }
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
    while (this.waiting.length > 0) {
      // SQLite works within this thread, so nothing arrives during a commit: let the event loop read every socket that is
      // ready first, and what they bring shares the commit.
      await new Promise((resolve) => setImmediate(resolve));
      const group = this.waiting.splice(0, LARGEST_GROUP);
      try {
        const answers = await this.db.transaction().execute(async (tx) => {
          const done: (() => void)[] = [];
          for (const change of group) done.push(await change.run(tx));
          return done;
        });
        for (const answer of answers) answer();
      } catch (error) {
        // The commit itself failed (disk full, say): nobody is told that anything was stored.
        for (const change of group) change.fail(error);
      }
    }
    this.working = undefined;
  }
}
