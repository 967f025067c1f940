import { SqliteDialect, SqliteDriver, type DatabaseConnection, type SqliteDialectConfig } from 'kysely';

/**
 * SQLite with its one connection handed on in the order in which it was asked for. The driver by itself wakes everybody who
 * waits each time that one is done: when an order pokes thousands of streams, which read their desired state all at once,
 * that costs more than the reads.
 */
export class FairSqliteDialect extends SqliteDialect {
  constructor(private readonly config: SqliteDialectConfig) {
    super(config);
  }

  override createDriver(): SqliteDriver {
    return new FairSqliteDriver(this.config);
  }
}

class FairSqliteDriver extends SqliteDriver {
  private readonly waiting: (() => void)[] = [];
  private taken = false;

  override async acquireConnection(): Promise<DatabaseConnection> {
    if (this.taken) await new Promise<void>((resolve) => this.waiting.push(resolve));
    this.taken = true;
    return super.acquireConnection();
  }

  override async releaseConnection(): Promise<void> {
    await super.releaseConnection();
    const next = this.waiting.shift();
    // Who waited gets it in place of whoever asks in this moment.
    if (next) next();
    else this.taken = false;
  }
}
