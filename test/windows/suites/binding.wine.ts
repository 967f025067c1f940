import { expect } from 'chai';
import fc from 'fast-check';
import { openEngine } from '../../../agent/enforce/wfp/engine.js';
import type { EngineOptions, WfpEngine } from '../../../agent/enforce/wfp/engine-interface.js';
import { codeOf, isSessionLost, isUnavailable, WfpError } from '../../../agent/enforce/wfp/errors.js';
import { encodeUnchecked } from '../../../agent/enforce/wfp/encode.js';
import { guid, SUBLAYER_UNIVERSAL, type Guid } from '../../../agent/enforce/wfp/guids.js';
import { loadWfp, type EngineHandle } from '../../../agent/enforce/wfp/library.js';
import type { Filter, FilterChange, Provider, Sublayer, Value } from '../../../agent/enforce/wfp/types.js';
import { systemLibrary } from '../../../agent/windows/library.js';
import { asFilter, asFoundFilter } from '../bfe-double/dump.js';
import { filter, goodFilter, VALUES } from '../../unit/agent/enforce/wfp/values.js';
import { bfeInside, type BfeInside } from './bfe-inside.js';

const PROVIDER: Provider = {
  key: guid('10000000-0000-4000-8000-000000000001'),
  name: 'Anbieter für Prüfungen ☂',
  description: 'два',
  lifetime: 'persistent',
  data: Buffer.from('provider data'),
  serviceName: undefined,
};
const SUBLAYER: Sublayer = {
  key: guid('20000000-0000-4000-8000-000000000002'),
  name: 'サブレイヤー',
  description: '',
  provider: PROVIDER.key,
  lifetime: 'persistent',
  data: Buffer.alloc(0),
  weight: 0xffff,
};
/** Self-relative; no owner, no group, a DACL that is absent. */
const DESCRIPTOR = Buffer.concat([Buffer.from([1, 0, 0, 0x80]), Buffer.alloc(16)]);

const numbered = (number: number): Guid =>
  guid(`30000000-0000-4000-8000-${String(number).padStart(12, '0')}`);
const own = (number: number, more: Partial<Filter> = {}): Filter =>
  filter({
    key: numbered(number),
    name: `Filter ${number}`,
    provider: PROVIDER.key,
    sublayer: SUBLAYER.key,
    ...more,
  });
/** Of no provider, so in a sublayer that belongs to none. */
const NOBODYS = { provider: undefined, sublayer: SUBLAYER_UNIVERSAL };
const many = (count: number, more?: Partial<Filter>): Filter[] =>
  Array.from({ length: count }, (_, index) => own(index + 1, more));

/** What a promise rejects with; an error of its own where it does not. */
async function failure(promise: Promise<unknown>): Promise<WfpError> {
  const error: unknown = await promise.then(
    () => new Error('It succeeded'),
    (error: unknown) => error,
  );
  if (error instanceof WfpError) return error;
  throw error;
}

async function until(holds: () => boolean): Promise<void> {
  for (let turn = 0; turn < 500 && !holds(); turn++) await new Promise((resolve) => setTimeout(resolve, 10));
  expect(holds()).to.equal(true);
}

describe('the binding of WFP', () => {
  let bfe: BfeInside;
  const open: WfpEngine[] = [];
  const engine = async (options: Partial<EngineOptions> = {}): Promise<WfpEngine> => {
    const opened = await openEngine({ name: 'Prüfung', lockWaitMs: 2_000, ...options });
    open.push(opened);
    return opened;
  };
  /** A session with provider and sublayer in place. */
  const ready = async (): Promise<WfpEngine> => {
    const opened = await engine();
    await opened.transaction(async (objects) => {
      await objects.addProvider(PROVIDER);
      await objects.addSublayer(SUBLAYER);
    });
    return opened;
  };
  const received = () => bfe.dump().filters.map(asFilter);

  before(async () => {
    bfe = await bfeInside();
  });
  beforeEach(() => bfe.control('reset', 'clear-faults', 'odd-addresses off'));
  afterEach(async () => {
    await Promise.all(open.splice(0).map((each) => each.close().catch(() => undefined)));
    const { counters, errors } = bfe.dump();
    expect(errors).to.deep.equal([]);
    expect(counters).to.deep.equal({ allocations: 0, enumHandles: 0, subscriptions: 0, sessions: 0 });
  });

  describe('what is received', () => {
    it('is the provider, the sublayer and their security descriptors as meant', async () => {
      const session = await engine();
      await session.addProvider({ ...PROVIDER, serviceName: 'Dienst' }, DESCRIPTOR);
      await session.addSublayer(SUBLAYER, DESCRIPTOR);
      const { providers, sublayers } = bfe.dump();
      const provider = providers.find(({ key }) => key === PROVIDER.key);
      expect(provider).to.include({
        name: PROVIDER.name,
        description: 'два',
        lifetime: 'persistent',
        flags: 1,
      });
      expect(provider).to.include({ data: PROVIDER.data.toString('hex'), serviceName: 'Dienst' });
      const sublayer = sublayers.find(({ key }) => key === SUBLAYER.key);
      expect(sublayer).to.include({ name: SUBLAYER.name, provider: PROVIDER.key, weight: 0xffff, flags: 1 });
      for (const { sd } of [provider, sublayer].flatMap((object) => object ?? [])) {
        expect(sd).to.equal(DESCRIPTOR.toString('hex'));
      }
    });

    it('is every filter as meant, whatever it consists of', async () => {
      const session = await ready();
      const filters = fc
        .sample(goodFilter(PROVIDER.key, SUBLAYER.key), { numRuns: 400, seed: 7 })
        .map((each, index) => ({ ...each, key: numbered(index + 1), lifetime: lasting(each) }));
      const types = new Set(filters.flatMap(({ conditions }) => conditions.map(({ value }) => value.type)));
      expect([...types]).to.include.members(['uint8', 'uint16', 'uint32', 'uint64', 'byte-array16', 'range']);
      expect([...types]).to.include.members([
        'byte-blob',
        'sid',
        'security-descriptor',
        'v4-mask',
        'v6-prefix',
      ]);
      const ids = await session.transaction((objects) => objects.addFilters(filters, DESCRIPTOR));
      expect(received()).to.deep.equal(filters);
      expect(bfe.dump().filters.map(({ id }) => BigInt(id))).to.deep.equal(ids);
      expect(new Set(bfe.dump().filters.map(({ sd }) => sd))).to.deep.equal(
        new Set([DESCRIPTOR.toString('hex')]),
      );
    });

    /** The sublayer is persistent, so that any lifetime may name it. */
    const lasting = ({ lifetime }: Filter) => lifetime;

    it('is a value of a type that no field has, too: the engine names it wrong', async () => {
      await ready();
      const { library, handle } = await bare();
      for (const type of ['int8', 'int16', 'int32', 'int64', 'float', 'double', 'byte-array6'] as const) {
        const [value] = fc.sample(VALUES[type], 1) as [Value];
        const raw = encodeUnchecked(own(1, { conditions: [{ field: 'FLAGS', match: 'equal', value }] }));
        expect(library.now('FwpmFilterAdd0', handle, raw, null, [0]), type).to.equal(
          codeOf('FWP_E_TYPE_MISMATCH'),
        );
      }
      expect(library.now('FwpmEngineClose0', handle)).to.equal(0);
    });

    async function bare() {
      const library = await loadWfp();
      const out: [EngineHandle | null] = [null];
      const session = {
        displayData: { name: 'bare', description: '' },
        flags: 0,
        txnWaitTimeoutInMSec: 1000,
      };
      expect(library.now('FwpmEngineOpen0', null, 10, null, session, out)).to.equal(0);
      return { library, handle: out[0] as EngineHandle };
    }

    it('is the session with its name, how long it waits and whether it is dynamic', async () => {
      const session = await engine({ dynamic: true, lockWaitMs: 1234 });
      expect(bfe.dump().sessions).to.have.lengthOf(1);
      expect(bfe.dump().sessions[0]).to.include({ name: 'Prüfung', dynamic: true, lockWaitMs: 1234 });
      const [found] = await session.sessions();
      expect(found).to.include({ name: 'Prüfung', dynamic: true, processId: process.pid, kernelMode: false });
      expect(found?.key).to.equal(bfe.dump().sessions[0]?.key);
    });

    it('is let go with the session where that is dynamic', async () => {
      const session = await engine({ dynamic: true });
      await session.addSublayer({ ...SUBLAYER, provider: undefined, lifetime: 'static' });
      expect(await session.sublayer(SUBLAYER.key)).to.have.property('name', SUBLAYER.name);
      await session.close();
      expect(bfe.dump().sublayers.some(({ key }) => key === SUBLAYER.key)).to.equal(false);
    });
  });

  for (const odd of ['off', 'on'] as const) {
    describe(`what is read back, with odd addresses ${odd}`, () => {
      beforeEach(() => bfe.control(`odd-addresses ${odd}`));

      it('is what was written', async () => {
        const session = await ready();
        const filters = fc
          .sample(goodFilter(PROVIDER.key, SUBLAYER.key), { numRuns: 60, seed: 11 })
          .map((each, index) => ({ ...each, key: numbered(index + 1) }));
        await session.transaction((objects) => objects.addFilters(filters));
        for (const each of filters) expect((await session.filter(each.key))?.filter).to.deep.equal(each);
        expect(await session.provider(PROVIDER.key)).to.deep.equal(PROVIDER);
        expect(await session.sublayer(SUBLAYER.key)).to.deep.equal(SUBLAYER);
        expect((await session.sublayers()).find(({ key }) => key === SUBLAYER.key)).to.deep.equal(SUBLAYER);
        const dumped = bfe.dump().filters.map(asFoundFilter);
        for (const layer of ['ALE_AUTH_CONNECT_V4', 'ALE_AUTH_RECV_ACCEPT_V6'] as const) {
          const there = dumped.filter(({ filter }) => filter?.layer === layer);
          const found = await session.filters(layer, PROVIDER.key);
          expect(byKey(found)).to.deep.equal(byKey(there));
        }
      });

      const byKey = <Keyed extends { readonly key: Guid }>(all: readonly Keyed[]) =>
        Object.fromEntries(all.map((each) => [each.key, each]));

      it('is nothing where there is nothing', async () => {
        const session = await engine();
        expect(await session.filter(numbered(1))).to.equal(undefined);
        expect(await session.provider(PROVIDER.key)).to.equal(undefined);
        expect(await session.sublayer(SUBLAYER.key)).to.equal(undefined);
        expect(await session.filters('IPFORWARD_V6')).to.deep.equal([]);
      });

      for (const count of [99, 100, 101, 200, 250]) {
        it(`is all of ${count} filters, in pages`, async () => {
          const session = await ready();
          await session.transaction((objects) => objects.addFilters(many(count)));
          const found = await session.filters('ALE_AUTH_CONNECT_V4', PROVIDER.key);
          expect(new Set(found.map(({ key }) => key))).to.deep.equal(
            new Set(many(count).map(({ key }) => key)),
          );
        });
      }

      it('is only of the provider that was asked for, at the layer that was asked for', async () => {
        const session = await ready();
        await session.addFilters([own(1), own(2, NOBODYS), own(3, { layer: 'ALE_AUTH_CONNECT_V6' })]);
        const keys = async (provider?: Guid) =>
          (await session.filters('ALE_AUTH_CONNECT_V4', provider)).map(({ key }) => key).sort();
        expect(await keys(PROVIDER.key)).to.deep.equal([numbered(1)]);
        expect(await keys()).to.include.members([numbered(1), numbered(2)]);
      });

      it('is the NT path of a program, and nothing of one that is not there', async () => {
        const session = await engine();
        const appId = await session.appId(process.execPath);
        expect(appId?.toString('utf16le')).to.match(/^\\device\\harddiskvolume\d+\\.*node\.exe\0$/);
        expect(await session.appId('C:\\nothing\\here.exe')).to.equal(undefined);
        expect(await session.appId('C:\\windows\\nothing.exe')).to.equal(undefined);
      });
    });
  }

  it('gives handles and memory of an enumeration back where it fails half-way', async () => {
    const session = await ready();
    await session.transaction((objects) => objects.addFilters(many(150)));
    bfe.control('fail FwpmFilterEnum0 2 0x8032001C');
    const error = await failure(session.filters('ALE_AUTH_CONNECT_V4'));
    expect(error.message).to.match(/^FwpmFilterEnum0: FWP_E_NULL_POINTER/);
    expect(bfe.dump().counters).to.include({ allocations: 0, enumHandles: 0 });
  });

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
      bfe.control('hold 4242 Andere Feuerwand');
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

  it('says whether there was something to delete', async () => {
    const session = await ready();
    await session.addFilters(many(2));
    expect(await session.deleteFilters([numbered(1), numbered(9), numbered(2)])).to.equal(2);
    expect(await session.deleteSublayer(SUBLAYER.key)).to.equal(true);
    expect(await session.deleteSublayer(SUBLAYER.key)).to.equal(false);
    expect(await session.deleteProvider(PROVIDER.key)).to.equal(true);
    expect(await session.deleteProvider(PROVIDER.key)).to.equal(false);
  });

  it('names what is in use, and what does not live as long', async () => {
    const session = await ready();
    await session.addFilters([own(1)]);
    const used = await failure(session.deleteSublayer(SUBLAYER.key));
    expect(used.message).to.include(`FwpmSubLayerDeleteByKey0 on ${SUBLAYER.key}: FWP_E_IN_USE`);
    const short = { ...SUBLAYER, key: numbered(77), lifetime: 'static' as const };
    await session.addSublayer(short);
    const mismatch = await failure(session.addFilters([own(2, { sublayer: short.key })]));
    expect(mismatch.message).to.match(/on filter "Filter 2": FWP_E_LIFETIME_MISMATCH/);
  });

  it('refuses what does not fit before the engine sees it', async () => {
    const session = await ready();
    const wrong = own(1, {
      conditions: [{ field: 'IP_PROTOCOL', match: 'equal', value: { type: 'uint8', value: 300 } }],
    });
    const error: unknown = await session.addFilters([wrong]).catch((error: unknown) => error);
    expect(error)
      .to.be.instanceOf(RangeError)
      .with.property('message')
      .that.includes('condition 1 (IP_PROTOCOL): 300');
    expect(received()).to.deep.equal([]);
  });

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
    await session.close().catch(() => undefined);
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
    bfe.control('journal on');
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
