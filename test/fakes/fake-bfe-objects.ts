import { FWP_ACTION, FWPM_FILTER_FLAG } from '../../agent/enforce/wfp/constants.js';
import type { WfpObjects } from '../../agent/enforce/wfp/engine-interface.js';
import { codeOf, WfpError } from '../../agent/enforce/wfp/errors.js';
import { LAYERS, type Guid, type Layer } from '../../agent/enforce/wfp/guids.js';
import type { Filter, FoundFilter, Provider, Sublayer } from '../../agent/enforce/wfp/types.js';

/** What the engine holds at one moment. Never changed: a change makes another. */
export interface FakeContent {
  readonly providers: ReadonlyMap<Guid, Provider>;
  readonly sublayers: ReadonlyMap<Guid, Sublayer>;
  readonly filters: ReadonlyMap<Guid, Filter>;
}

export const NOTHING: FakeContent = { providers: new Map(), sublayers: new Map(), filters: new Map() };

/** What a transaction, or a single call, sees and changes: references and lifetimes are kept as BFE keeps them. */
export class FakeObjects implements WfpObjects {
  constructor(
    private readonly call: (name: string) => Promise<void>,
    public content: FakeContent,
    private readonly disabled: ReadonlySet<Guid>,
  ) {}

  async addProvider(provider: Provider): Promise<void> {
    await this.call('FwpmProviderAdd0');
    this.content = {
      ...this.content,
      providers: added('FwpmProviderAdd0', this.content.providers, provider),
    };
  }

  async addSublayer(sublayer: Sublayer): Promise<void> {
    const name = 'FwpmSubLayerAdd0';
    await this.call(name);
    this.refers(name, sublayer.lifetime, this.content.providers, sublayer.provider);
    this.content = { ...this.content, sublayers: added(name, this.content.sublayers, sublayer) };
  }

  async addFilters(filters: readonly Filter[]): Promise<bigint[]> {
    const name = 'FwpmFilterAdd0';
    for (const filter of filters) {
      await this.call(name);
      this.refers(name, filter.lifetime, this.content.providers, filter.provider);
      this.refers(name, filter.lifetime, this.content.sublayers, filter.sublayer);
      this.content = { ...this.content, filters: added(name, this.content.filters, filter) };
    }
    return filters.map((_, index) => BigInt(index));
  }

  async deleteProvider(key: Guid): Promise<boolean> {
    const name = 'FwpmProviderDeleteByKey0';
    await this.call(name);
    const { providers, sublayers, filters } = this.content;
    const users = [...sublayers.values(), ...filters.values()];
    if (users.some(({ provider }) => provider === key)) throw new WfpError(name, codeOf('FWP_E_IN_USE'));
    this.content = { ...this.content, providers: without(providers, key) };
    return providers.has(key);
  }

  async deleteSublayer(key: Guid): Promise<boolean> {
    const name = 'FwpmSubLayerDeleteByKey0';
    await this.call(name);
    const { sublayers, filters } = this.content;
    if ([...filters.values()].some(({ sublayer }) => sublayer === key)) {
      throw new WfpError(name, codeOf('FWP_E_IN_USE'));
    }
    this.content = { ...this.content, sublayers: without(sublayers, key) };
    return sublayers.has(key);
  }

  async deleteFilters(keys: readonly Guid[]): Promise<number> {
    let found = 0;
    for (const key of keys) {
      await this.call('FwpmFilterDeleteByKey0');
      if (this.content.filters.has(key)) found += 1;
      this.content = { ...this.content, filters: without(this.content.filters, key) };
    }
    return found;
  }

  async provider(key: Guid): Promise<Provider | undefined> {
    await this.call('FwpmProviderGetByKey0');
    return this.content.providers.get(key);
  }

  async sublayer(key: Guid): Promise<Sublayer | undefined> {
    await this.call('FwpmSubLayerGetByKey0');
    return this.content.sublayers.get(key);
  }

  async filter(key: Guid): Promise<FoundFilter | undefined> {
    await this.call('FwpmFilterGetByKey0');
    const filter = this.content.filters.get(key);
    return filter && this.found(filter);
  }

  async sublayers(): Promise<Sublayer[]> {
    await this.call('FwpmSubLayerEnum0');
    return [...this.content.sublayers.values()];
  }

  async filters(layer: Layer, provider?: Guid): Promise<FoundFilter[]> {
    await this.call('FwpmFilterEnum0');
    return [...this.content.filters.values()]
      .filter((filter) => filter.layer === layer && (provider ?? filter.provider) === filter.provider)
      .map((filter) => this.found(filter));
  }

  private found(filter: Filter): FoundFilter {
    const { key, layer, sublayer, provider, name, lifetime, hard, action } = filter;
    const flags =
      (lifetime === 'persistent' ? FWPM_FILTER_FLAG.FWPM_FILTER_FLAG_PERSISTENT : 0) |
      (lifetime === 'boot-time' ? FWPM_FILTER_FLAG.FWPM_FILTER_FLAG_BOOTTIME : 0) |
      (hard ? FWPM_FILTER_FLAG.FWPM_FILTER_FLAG_CLEAR_ACTION_RIGHT : 0) |
      (this.disabled.has(key) ? FWPM_FILTER_FLAG.FWPM_FILTER_FLAG_DISABLED : 0);
    return {
      filter,
      key,
      layer: LAYERS[layer],
      sublayer,
      provider,
      name,
      flags,
      action: action === 'permit' ? FWP_ACTION.FWP_ACTION_PERMIT : FWP_ACTION.FWP_ACTION_BLOCK,
      id: 0n,
      effectiveWeight: undefined,
    };
  }

  /** An object may refer only to one that is there and lives as long. */
  private refers(
    name: string,
    lifetime: string,
    among: ReadonlyMap<Guid, { readonly lifetime: string }>,
    key: Guid | undefined,
  ): void {
    if (key === undefined) return;
    const other = among.get(key);
    if (!other) throw new WfpError(name, codeOf('FWP_E_NOT_FOUND'));
    if (lifetime !== 'static' && other.lifetime === 'static') {
      throw new WfpError(name, codeOf('FWP_E_LIFETIME_MISMATCH'));
    }
  }
}

function added<T extends { readonly key: Guid }>(
  name: string,
  objects: ReadonlyMap<Guid, T>,
  object: T,
): ReadonlyMap<Guid, T> {
  if (objects.has(object.key)) throw new WfpError(name, codeOf('FWP_E_ALREADY_EXISTS'));
  return new Map(objects).set(object.key, object);
}

function without<T>(objects: ReadonlyMap<Guid, T>, key: Guid): ReadonlyMap<Guid, T> {
  const rest = new Map(objects);
  rest.delete(key);
  return rest;
}
