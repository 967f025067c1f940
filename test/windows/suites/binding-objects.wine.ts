import { expect } from 'chai';
import fc from 'fast-check';
import { codeOf } from '../../../agent/enforce/wfp/errors.js';
import { encodeUnchecked } from '../../../agent/enforce/wfp/encode.js';
import type { Guid } from '../../../agent/enforce/wfp/guids.js';
import { loadWfp, type EngineHandle } from '../../../agent/enforce/wfp/library.js';
import type { Value } from '../../../agent/enforce/wfp/types.js';
import { asFoundFilter } from '../bfe-double/dump.js';
import { goodFilter, VALUES } from '../../unit/agent/enforce/wfp/values.js';
import {
  bindingScene,
  DESCRIPTOR,
  failure,
  many,
  NOBODYS,
  numbered,
  own,
  PROVIDER,
  SUBLAYER,
} from './binding-scene.js';

describe('objects of WFP', () => {
  const { bfe, engine, ready, received } = bindingScene();

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
        .map((each, index) => ({ ...each, key: numbered(index + 1) }));
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
});
