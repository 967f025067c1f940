import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { appendAudit } from '../../../../server/store/audit.js';
import { Store, type Tx } from '../../../../server/store/store.js';

describe('changes that arrive together', () => {
  let folder: string;
  let store: Store;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'cordon-store-'));
    store = await Store.openSqlite(join(folder, 'cordon.db'));
  });
  afterEach(async () => {
    await store.close();
    rmSync(folder, { recursive: true });
  });

  const record = (tx: Tx, action: string): Promise<void> =>
    appendAudit(tx, { occurredAt: 0, actor: 'test', action });
  const recorded = async (): Promise<string[]> => {
    const rows = await store.read.selectFrom('audit').select('action').orderBy('sequence').execute();
    return rows.map(({ action }) => action);
  };

  it('are all stored, in the order in which they came', async () => {
    const names = Array.from({ length: 600 }, (_, index) => `change-${index}`);
    await Promise.all(names.map((name) => store.write((tx) => record(tx, name))));
    expect(await recorded()).to.deep.equal(names);
  });

  it('lose nothing to one of them that fails, and keep nothing of that one', async () => {
    const outcomes = await Promise.allSettled(
      ['one', 'broken', 'two', 'three'].map((name) =>
        store.write(async (tx) => {
          await record(tx, name);
          if (name === 'broken') throw new Error('refused');
          return name;
        }),
      ),
    );
    expect(outcomes.map(({ status }) => status)).to.deep.equal([
      'fulfilled',
      'rejected',
      'fulfilled',
      'fulfilled',
    ]);
    expect(await recorded()).to.deep.equal(['one', 'two', 'three']);
  });

  it('are on disk when they are answered', async () => {
    await store.write((tx) => record(tx, 'durable'));
    const second = await Store.openSqlite(join(folder, 'cordon.db'));
    const rows = await second.read.selectFrom('audit').select('action').execute();
    expect(rows).to.deep.equal([{ action: 'durable' }]);
    await second.close();
  });
});
