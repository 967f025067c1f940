import { chmodSync, closeSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import {
  Kysely,
  Migrator,
  sql,
  type KyselyPlugin,
  type PluginTransformResultArgs,
  type QueryResult,
  type RootOperationNode,
  type UnknownRow,
} from 'kysely';
import Sqlite from 'libsql';
import { Subject, type Observable } from 'rxjs';
import { makeFolder } from '../../shared/folder.js';
import { migrations } from './migrations.js';
import type { Database } from './schema.js';
import { FairSqliteDialect } from './fair-dialect.js';
import { withStatementCache } from './statement-cache.js';
import { GroupCommit, type Reader, type Tx } from './group-commit.js';

export type { Reader, Tx };

/**
 * The truth. Reads go through `read`; every change goes through `write`, which answers only after the change is on disk
 * and puts changes that arrive together into one commit.
 */
export class Store {
  private readonly commits: GroupCommit;
  private readonly commitSubject = new Subject<void>();

  /** Something was committed. Carries no more than that, and only for changes of this process. */
  readonly committed$: Observable<void> = this.commitSubject.asObservable();

  private constructor(readonly read: Reader) {
    this.commits = new GroupCommit(read, () => this.commitSubject.next());
  }

  /** Opens or makes the SQLite file and brings its schema up to date. */
  static async openSqlite(path: string): Promise<Store> {
    makeFolder(dirname(path), 0o700);
    // SQLite gives its other files the permissions of this one; the folder may be older and open to others.
    closeSync(openSync(path, 'a', 0o600));
    chmodSync(path, 0o600);
    const file = new Sqlite(path);
    // WAL and FULL: a commit that was answered survives a loss of power.
    file.pragma('journal_mode = WAL');
    file.pragma('synchronous = FULL');
    file.pragma('busy_timeout = 5000');
    const db = new Kysely<Database>({
      dialect: new FairSqliteDialect({ database: withStatementCache(file) }),
      plugins: [bytesAsBuffers],
    });
    const migrator = new Migrator({
      db,
      provider: { getMigrations: () => Promise.resolve(migrations('blob')) },
    });
    const { error } = await migrator.migrateToLatest();
    if (error !== undefined) {
      await db.destroy();
      throw new Error(`store ${path}: the schema could not be brought up to date`, { cause: error });
    }
    return new Store(db);
  }

  /**
   * Runs `change` in a transaction. Resolves after the commit; if `change` throws, nothing of it is kept. `change` may
   * use only the transaction that it is given, never `read`.
   */
  write<Result>(change: (tx: Tx) => Promise<Result>): Promise<Result> {
    return this.commits.run(change);
  }

  /** Waits for the changes under way and closes the file. */
  async close(): Promise<void> {
    await this.commits.idle();
    this.commitSubject.complete();
    await sql`pragma wal_checkpoint(truncate)`.execute(this.read);
    await this.read.destroy();
  }
}

/** The SQLite driver returns ArrayBuffer for a blob, PostgreSQL's returns Buffer: queries see Buffer. */
const bytesAsBuffers: KyselyPlugin = {
  transformQuery: ({ node }): RootOperationNode => node,
  transformResult: ({ result }: PluginTransformResultArgs): Promise<QueryResult<UnknownRow>> => {
    for (const row of result.rows) {
      for (const [column, value] of Object.entries(row)) {
        if (value instanceof ArrayBuffer) row[column] = Buffer.from(value);
      }
    }
    return Promise.resolve(result);
  },
};
