import { check, type SessionCalls, type SessionFunction } from './calls.js';
import { FWP_FILTER_ENUM } from './constants.js';
import { decodeFilter, decodeProvider, decodeSublayer } from './decode.js';
import { encodeFilter, encodeProvider, encodeSublayer } from './encode.js';
import type { WfpObjects } from './engine-interface.js';
import { enumerate, taken } from './enumerate.js';
import { codeOf } from './errors.js';
import { toRawGuid } from './guid-memory.js';
import { LAYERS, type Guid, type Layer } from './guids.js';
import type { Address, Out } from './library.js';
import type { Queue } from './queue.js';
import { Turns } from './turns.js';
import type { Filter, FoundFilter, Provider, Sublayer } from './types.js';

const NONE = {
  provider: [codeOf('FWP_E_PROVIDER_NOT_FOUND'), codeOf('FWP_E_NOT_FOUND')],
  sublayer: [codeOf('FWP_E_SUBLAYER_NOT_FOUND'), codeOf('FWP_E_NOT_FOUND')],
  filter: [codeOf('FWP_E_FILTER_NOT_FOUND'), codeOf('FWP_E_NOT_FOUND')],
};

/**
 * `lock`: a transaction is open, so that BFE answers at once, and the calls are made here. Else every one is a transaction
 * of its own that may wait for the lock, and is made on another thread.
 */
export type Waiting = 'holds the lock' | 'waits for the lock';

/** Reads and changes objects, one call after the other. */
export class SessionObjects implements WfpObjects {
  constructor(
    private readonly calls: SessionCalls,
    private readonly queue: Pick<Queue, 'run'>,
    private readonly waiting: Waiting,
  ) {}

  addProvider(provider: Provider, securityDescriptor?: Buffer): Promise<void> {
    return this.queue.run(async () => {
      const raw = encodeProvider(provider);
      const code = await this.call('FwpmProviderAdd0', raw, securityDescriptor ?? null);
      check('FwpmProviderAdd0', code, { object: `provider "${provider.name}"` });
    });
  }

  addSublayer(sublayer: Sublayer, securityDescriptor?: Buffer): Promise<void> {
    return this.queue.run(async () => {
      const raw = encodeSublayer(sublayer);
      const code = await this.call('FwpmSubLayerAdd0', raw, securityDescriptor ?? null);
      check('FwpmSubLayerAdd0', code, { object: `sublayer "${sublayer.name}"` });
    });
  }

  addFilters(filters: readonly Filter[], securityDescriptor?: Buffer): Promise<bigint[]> {
    return this.inSlices(filters, async (filter) => {
      const id: Out<number | bigint> = [0];
      const code = await this.call('FwpmFilterAdd0', encodeFilter(filter), securityDescriptor ?? null, id);
      check('FwpmFilterAdd0', code, { object: `filter "${filter.name}"` });
      return BigInt(id[0] ?? 0);
    });
  }

  deleteProvider(key: Guid): Promise<boolean> {
    return this.queue.run(() => this.delete('FwpmProviderDeleteByKey0', key, NONE.provider));
  }

  deleteSublayer(key: Guid): Promise<boolean> {
    return this.queue.run(() => this.delete('FwpmSubLayerDeleteByKey0', key, NONE.sublayer));
  }

  async deleteFilters(keys: readonly Guid[]): Promise<number> {
    const deleted = await this.inSlices(keys, (key) =>
      this.delete('FwpmFilterDeleteByKey0', key, NONE.filter),
    );
    return deleted.filter(Boolean).length;
  }

  provider(key: Guid): Promise<Provider | undefined> {
    return this.queue.run(async () => {
      const found: Out<Address<'object'>> = [null];
      const code = await this.call('FwpmProviderGetByKey0', toRawGuid(key), found);
      return taken(this.calls.library, code, found, decodeProvider, 'FwpmProviderGetByKey0', NONE.provider);
    });
  }

  sublayer(key: Guid): Promise<Sublayer | undefined> {
    return this.queue.run(async () => {
      const found: Out<Address<'object'>> = [null];
      const code = await this.call('FwpmSubLayerGetByKey0', toRawGuid(key), found);
      return taken(this.calls.library, code, found, decodeSublayer, 'FwpmSubLayerGetByKey0', NONE.sublayer);
    });
  }

  filter(key: Guid): Promise<FoundFilter | undefined> {
    return this.queue.run(async () => {
      const found: Out<Address<'object'>> = [null];
      const code = await this.call('FwpmFilterGetByKey0', toRawGuid(key), found);
      return taken(this.calls.library, code, found, decodeFilter, 'FwpmFilterGetByKey0', NONE.filter);
    });
  }

  sublayers(): Promise<Sublayer[]> {
    return this.queue.run(() => enumerate(this.calls, 'sublayers', null, decodeSublayer));
  }

  filters(layer: Layer, provider?: Guid): Promise<FoundFilter[]> {
    return this.queue.run(() =>
      enumerate(this.calls, 'filters', filterTemplate(layer, provider), decodeFilter),
    );
  }

  private async delete(
    name: 'FwpmProviderDeleteByKey0' | 'FwpmSubLayerDeleteByKey0' | 'FwpmFilterDeleteByKey0',
    key: Guid,
    missing: readonly number[],
  ): Promise<boolean> {
    const code = await this.call(name, toRawGuid(key));
    if (missing.includes(code)) return false;
    check(name, code, { object: key });
    return true;
  }

  /** One after the other as one piece of work of the queue; the event loop gets its turn in between. */
  private inSlices<Item, Result>(
    items: readonly Item[],
    work: (item: Item) => Promise<Result>,
  ): Promise<Result[]> {
    return this.queue.run(async () => {
      const results: Result[] = [];
      const turns = new Turns();
      for (const item of items) {
        results.push(await work(item));
        if (turns.due) await turns.give();
      }
      return results;
    });
  }

  private call<Name extends SessionFunction>(
    name: Name,
    ...parameters: Parameters<typeof this.calls.later<Name>> extends [Name, ...infer Rest] ? Rest : never
  ): number | Promise<number> {
    return this.waiting === 'holds the lock'
      ? this.calls.now<Name>(name, ...(parameters as never))
      : this.calls.later<Name>(name, ...(parameters as never));
  }
}

/** Everything at a layer: boot-time and disabled ones too, whatever they do. */
export function filterTemplate(layer: Layer, provider: Guid | undefined) {
  return {
    providerKey: provider === undefined ? null : toRawGuid(provider),
    layerKey: toRawGuid(LAYERS[layer]),
    enumType: FWP_FILTER_ENUM.FWP_FILTER_ENUM_OVERLAPPING,
    flags:
      FWP_FILTER_ENUM.FWP_FILTER_ENUM_FLAG_INCLUDE_BOOTTIME |
      FWP_FILTER_ENUM.FWP_FILTER_ENUM_FLAG_INCLUDE_DISABLED,
    providerContextTemplate: null,
    numFilterConditions: 0,
    filterCondition: null,
    actionMask: 0xffff_ffff,
    calloutKey: null,
  };
}
