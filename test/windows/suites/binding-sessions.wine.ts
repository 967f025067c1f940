import { expect } from 'chai';
import { openEngine } from '../../../agent/enforce/wfp/engine.js';
import { isSessionLost, isUnavailable } from '../../../agent/enforce/wfp/errors.js';
import type { FilterChange } from '../../../agent/enforce/wfp/types.js';
import { systemLibrary } from '../../../agent/windows/library.js';
import { bindingScene, failure, many, NOBODYS, numbered, own, PROVIDER, until } from './binding-scene.js';

describe('sessions of WFP', () => {
  const { bfe, engine, ready, received } = bindingScene();

  describe('a subscription', () => {
    it('tells of every filter that others add and delete, until it ends', async () => {
      const [watcher, writer] = [await engine(), await ready()];
      const changes: FilterChange[] = [];
      const subscription = await watcher.subscribe((change) => changes.push(change));
      const [id = 0n] = await writer.addFilters([own(1)]);
      await writer.deleteFilters([numbered(1)]);
      await until(() => changes.length >= 2);
      expect(changes).to.deep.equal([
        { kind: 'added', key: numbered(1), id },
        { kind: 'deleted', key: numbered(1), id },
      ]);
      // Until BFE has heard of the end it goes on to tell.
      bfe.control('delay FwpmFilterUnsubscribeChanges0 1 200');
      subscription[Symbol.dispose]();
      subscription[Symbol.dispose]();
      await writer.addFilters([own(2)]);
      await until(() => bfe.dump().counters.subscriptions === 0);
      expect(changes).to.have.lengthOf(2);
    });

    it('of one provider tells of no other', async () => {
      const [watcher, writer] = [await engine(), await ready()];
      const changes: FilterChange[] = [];
      await watcher.subscribe((change) => changes.push(change), PROVIDER.key);
      await writer.addFilters([own(1, NOBODYS), own(2), own(3, { layer: 'IPFORWARD_V6' })]);
      await until(() => changes.length >= 2);
      expect(changes.map(({ key }) => key).sort()).to.deep.equal([numbered(2), numbered(3)]);
    });

    it('survives what hears it, and ends with the session', async () => {
      const [watcher, writer] = [await engine(), await ready()];
      let heard = 0;
      await watcher.subscribe(() => {
        heard += 1;
      });
      await writer.transaction((objects) => objects.addFilters(many(300)));
      await until(() => heard === 300);
      await watcher.close();
      expect(bfe.dump().counters.subscriptions).to.equal(0);
    });

    it('that is under way when the session is closed ends with it', async () => {
      const session = await engine();
      bfe.control('delay FwpmFilterSubscribeChanges0 2 200');
      const subscribed = failure(session.subscribe(() => undefined, PROVIDER.key));
      await new Promise((resolve) => setTimeout(resolve, 50));
      await session.close();
      expect((await subscribed).errorName).to.equal('ERROR_INVALID_HANDLE');
      expect(bfe.dump().counters.subscriptions).to.equal(0);
    });

    it('that is refused leaves nothing behind', async () => {
      const session = await engine();
      bfe.control('fail FwpmFilterSubscribeChanges0 3 5');
      const error = await failure(session.subscribe(() => undefined, PROVIDER.key));
      expect(error.message).to.match(/^FwpmFilterSubscribeChanges0: ERROR_ACCESS_DENIED/);
      await until(() => bfe.dump().counters.subscriptions === 0);
    });
  });

  describe('the end of a session', () => {
    it('may be asked for twice, and no call is made after it', async () => {
      const session = await ready();
      await Promise.all([session.close(), session.close()]);
      session[Symbol.dispose]();
      const error = await failure(session.addFilters([own(1)]));
      expect(error.errorName).to.equal('ERROR_INVALID_HANDLE');
      expect(isSessionLost(error)).to.equal(true);
      expect((await failure(session.transaction(() => Promise.resolve()))).code).to.equal(6);
    });

    it('aborts the transaction that is open, and ends subscriptions', async () => {
      const session = await ready();
      await session.subscribe(() => undefined);
      let enter = () => {};
      const entered = new Promise<void>((resolve) => (enter = resolve));
      let leave = () => {};
      const leaving = new Promise<void>((resolve) => (leave = resolve));
      const work = session.transaction(async (objects) => {
        await objects.addFilters(many(2));
        enter();
        await leaving;
        await objects.addFilters([own(3)]);
      });
      await entered;
      await session.close();
      expect(bfe.dump().counters).to.include({ sessions: 0, subscriptions: 0 });
      leave();
      expect((await failure(work)).code).to.equal(6);
      expect(received()).to.deep.equal([]);
    });

    it('waits for the call that is under way', async () => {
      const session = await engine();
      bfe.control('delay FwpmTransactionBegin0 1 200');
      const work = failure(session.transaction((objects) => objects.addProvider(PROVIDER)));
      await new Promise((resolve) => setTimeout(resolve, 50));
      await session.close();
      expect((await work).code).to.equal(6);
    });
  });

  it('tells an engine that was stopped from one that refuses, and a lost session', async () => {
    const session = await ready();
    bfe.control('stop');
    expect(isUnavailable(await failure(session.addFilters([own(1)])))).to.equal(true);
    expect(isUnavailable(await failure(engine()))).to.equal(true);
    bfe.control('start');
    const lost = await failure(session.addFilters([own(1)]));
    expect(isSessionLost(lost)).to.equal(true);
    expect(isUnavailable(lost)).to.equal(false);
    await session.close();
    expect(await (await engine()).provider(PROVIDER.key)).to.deep.equal(PROVIDER);
    bfe.control('fail FwpmEngineOpen0 1 5');
    expect(isUnavailable(await failure(engine()))).to.equal(false);
  });

  it('keeps no handle and no memory over 10,000 transactions', async function () {
    this.timeout(100_000);
    const session = await ready();
    await session.subscribe(() => undefined);
    bfe.control('journal off');
    const handles = await handleCount();
    const round = async (number: number) =>
      session.transaction(async (objects) => {
        await objects.addFilters([own(1, { weight: { kind: 'exact', value: BigInt(number) } })]);
        await objects.filter(numbered(1));
        await objects.deleteFilters([numbered(1)]);
        if (number % 3 === 0) throw new Error('aborted');
      });
    for (let number = 0; number < 100; number++) await round(number).catch(() => undefined);
    const before = handles();
    for (let number = 0; number < 10_000; number++) await round(number).catch(() => undefined);
    // Node opens and closes a few of its own meanwhile.
    expect(handles() - before).to.be.lessThan(20);
    expect(bfe.dump().counters).to.deep.equal({
      allocations: 0,
      enumHandles: 0,
      subscriptions: 1,
      sessions: 1,
    });
    expect(received()).to.deep.equal([]);
  });

  it('leaves no session behind where it is opened and closed 300 times', async () => {
    for (let number = 0; number < 300; number++) {
      const session = await openEngine({ name: `session ${number}` });
      await session.subscribe(() => undefined);
      await session.sublayers();
      await session.close();
    }
  });
});

/** Handles that this process has open. */
async function handleCount(): Promise<() => number> {
  const kernel = await systemLibrary('kernel32.dll');
  const current = kernel.func('void * __stdcall GetCurrentProcess()');
  const count = kernel.func('int __stdcall GetProcessHandleCount(void *process, _Out_ uint32_t *count)');
  return () => {
    const out = [0];
    if (Number(count(current(), out)) === 0) throw new Error('GetProcessHandleCount failed');
    return Number(out[0]);
  };
}
