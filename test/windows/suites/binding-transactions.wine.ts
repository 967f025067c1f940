import { expect } from 'chai';
import { bindingScene, failure, many, numbered, own } from './binding-scene.js';

describe('transactions of WFP', () => {
  const { bfe, engine, ready, received } = bindingScene();

  describe('a transaction', () => {
    it('is committed as a whole', async () => {
      const session = await ready();
      const before = bfe.dump().version;
      await session.transaction(async (objects) => {
        await objects.addFilters(many(3));
        expect(bfe.dump().filters).to.deep.equal([]);
        expect(await objects.filter(numbered(2))).to.have.property('name', 'Filter 2');
      });
      expect(bfe.dump().version).to.equal(before + 1);
      expect(received()).to.have.lengthOf(3);
    });

    it('leaves nothing where the work in it fails, and rejects with that error', async () => {
      const session = await ready();
      const reason = new Error('changed my mind');
      const work = session.transaction(async (objects) => {
        await objects.addFilters(many(2));
        throw reason;
      });
      expect(await work.catch((error: unknown) => error)).to.equal(reason);
      expect(received()).to.deep.equal([]);
      expect(bfe.dump().sessions[0]).to.include({ transaction: 'none', holdsLock: false });
    });

    it('rejects with the first error even where the abort fails too', async () => {
      const session = await ready();
      bfe.control('fail FwpmTransactionAbort0 1 0x8032000D');
      const error = await failure(session.transaction((objects) => objects.addFilters([own(1), own(1)])));
      expect(error.message).to.match(
        /^FwpmFilterAdd0 on filter "Filter 1": FWP_E_ALREADY_EXISTS \(0x80320009\): An object/,
      );
    });

    it('that cannot be committed is aborted', async () => {
      const session = await ready();
      bfe.control('fail FwpmTransactionCommit0 1 0x8032000F');
      const error = await failure(session.transaction((objects) => objects.addFilters([own(1)])));
      expect(error.message).to.match(/^FwpmTransactionCommit0: FWP_E_TXN_ABORTED/);
      expect(bfe.dump().sessions[0]).to.include({ transaction: 'none' });
      await session.transaction((objects) => objects.addFilters([own(1)]));
      expect(received()).to.have.lengthOf(1);
    });

    it('names those who may hold the lock when it cannot have it', async () => {
      const session = await engine({ lockWaitMs: 20 });
      bfe.control('hold 4242 Andere\tFeuerwand');
      const error = await failure(session.transaction(() => Promise.resolve()));
      expect(error.errorName).to.equal('FWP_E_TIMEOUT');
      expect(error.message).to.include('"Andere Feuerwand" (process 4242 of foreign)');
      expect(error.message).not.to.include('Prüfung');
      bfe.control('release');
      expect(await session.transaction(() => Promise.resolve('now'))).to.equal('now');
    });

    it('tries again before it gives up', async () => {
      const session = await engine({ lockWaitMs: 20 });
      bfe.control('fail FwpmTransactionBegin0 1 0x80320012 2');
      expect(await session.transaction(() => Promise.resolve('at last'))).to.equal('at last');
    });

    it('ends one that was left open first', async () => {
      const session = await engine();
      bfe.control('fail-after FwpmTransactionBegin0 1 0x8032000E');
      expect(await session.transaction(() => Promise.resolve('well'))).to.equal('well');
    });

    it('waits for the one before it', async () => {
      const session = await ready();
      const order: string[] = [];
      const slow = session.transaction(async (objects) => {
        await new Promise((resolve) => setTimeout(resolve, 50));
        await objects.addFilters([own(1)]);
        order.push('first');
      });
      const quick = session.transaction(async (objects) => {
        order.push((await objects.filter(numbered(1)))?.name ?? 'too early');
      });
      await Promise.all([slow, quick, session.deleteFilters([numbered(1)])]);
      expect(order).to.deep.equal(['first', 'Filter 1']);
      expect(received()).to.deep.equal([]);
    });

    it('includes calls that its work did not wait for, and takes none after its end', async () => {
      const session = await ready();
      const late = await session.transaction((objects) => {
        void objects.addFilters(many(2));
        return Promise.resolve(objects.deleteFilters.bind(objects));
      });
      expect(received()).to.have.lengthOf(2);
      const error: unknown = await late([numbered(1)]).catch((error: unknown) => error);
      expect(error)
        .to.be.instanceOf(Error)
        .with.property('message')
        .that.matches(/transaction .* has ended/);
    });

    it('refuses calls to the engine inside of it, which would wait for ever', async () => {
      const session = await ready();
      const error: unknown = await session
        .transaction(() => session.addFilters([own(1)]))
        .catch((error: unknown) => error);
      expect(error)
        .to.be.instanceOf(Error)
        .with.property('message')
        .that.matches(/^Inside of a transaction/);
      expect(bfe.dump().sessions[0]).to.include({ transaction: 'none' });
      await session.addFilters([own(1)]);
      expect(received()).to.have.lengthOf(1);
    });

    it('of many filters lets the event loop have its turn', async () => {
      const session = await ready();
      let turns = 0;
      const count = () => {
        turns += 1;
        ticking = setImmediate(count);
      };
      let ticking = setImmediate(count);
      const started = performance.now();
      await session.transaction((objects) => objects.addFilters(many(3_000)));
      clearImmediate(ticking);
      // A slice takes 10 ms and what the last call in it takes.
      expect(turns).to.be.greaterThan(Math.min(10, (performance.now() - started) / 60));
      expect(bfe.dump().filters).to.have.lengthOf(3_000);
    });
  });
});
