import type { SqliteDatabase, SqliteStatement } from 'kysely';

/** Most statements that are kept. */
const BOUND = 256;
/** Long enough for a chunk of rows (chunks.ts); a list of as many values as a caller likes hardly comes twice. */
const LONGEST_SQL = 8_000;

/**
 * Keeps prepared statements: preparing costs as much as running here, and the queries of the streams are always the same.
 * The one connection runs one statement at a time, so a statement is never used twice at once.
 */
export function withStatementCache(database: SqliteDatabase): SqliteDatabase {
  const kept = new Map<string, SqliteStatement>();
  return {
    close: () => {
      kept.clear();
      database.close();
    },
    prepare: (sql) => {
      const known = kept.get(sql);
      if (known) {
        // Moved to the end: the first in the map is the one that was not used for longest.
        kept.delete(sql);
        kept.set(sql, known);
        return known;
      }
      const statement = database.prepare(sql);
      if (sql.length <= LONGEST_SQL) {
        kept.set(sql, statement);
        const [oldest] = kept.keys();
        if (kept.size > BOUND && oldest !== undefined) kept.delete(oldest);
      }
      return statement;
    },
  };
}
