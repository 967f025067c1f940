import type { Reader } from '../store/store.js';

/** Content of a document; undefined: there is none with this hash. */
export async function documentContent(db: Reader, hash: string): Promise<Buffer | undefined> {
  const row = await db
    .selectFrom('ioc_documents')
    .select('content')
    .where('hash', '=', hash)
    .executeTakeFirst();
  return row && Buffer.from(row.content);
}
