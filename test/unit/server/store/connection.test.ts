import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { sql } from 'kysely';
import { Store } from '../../../../server/store/store.js';

describe('the connection of the store', () => {
  let folder: string;
  let store: Store;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'cordon-store-test-'));
    store = await Store.openSqlite(join(folder, 'cordon.db'));
  });

  after(async () => {
    await store.close();
    rmSync(folder, { recursive: true });
  });

  const read = (number: number): Promise<unknown> =>
    sql<{ number: number }>`select ${number} as number`.execute(store.read);

  it('serves those who wait in the order in which they asked, a transaction among them', async () => {
    const served: (number | string)[] = [];
    const note = (what: number | string) => (): void => void served.push(what);
    const first = [1, 2, 3].map((number) => read(number).then(note(number)));
    const transaction = store.read
      .transaction()
      .execute((tx) => sql`select 1`.execute(tx))
      .then(note('transaction'));
    const rest = [4, 5].map((number) => read(number).then(note(number)));
    await Promise.all([...first, transaction, ...rest]);
    expect(served).to.deep.equal([1, 2, 3, 'transaction', 4, 5]);
  });

  it('goes on after a statement that failed', async () => {
    const failing = sql`select nothing from nowhere`.execute(store.read).then(
      () => 'answered',
      () => 'failed',
    );
    const next = read(1);
    expect(await failing).to.equal('failed');
    await next;
  });

  it('costs as much for each of many who wait as for each of a few', async () => {
    const costOf = async (readers: number): Promise<number> => {
      const before = process.cpuUsage();
      await Promise.all(Array.from({ length: readers }, (_, number) => read(number)));
      const { user, system } = process.cpuUsage(before);
      return (user + system) / readers;
    };
    await costOf(1_000);
    const few = await costOf(1_000);
    // Waking all of them each time costs more than ten times as much here.
    expect(await costOf(16_000)).to.be.below(8 * few);
  }).timeout(60_000);
});
