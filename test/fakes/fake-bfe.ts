import type { WfpEngine, WfpObjects } from '../../agent/enforce/wfp/engine-interface.js';
import { FWP_ACTION, FWPM_FILTER_FLAG } from '../../agent/enforce/wfp/constants.js';
import { codeOf, WfpError } from '../../agent/enforce/wfp/errors.js';
import { LAYERS, type Guid, type Layer } from '../../agent/enforce/wfp/guids.js';
import type {
  Filter,
  FilterChange,
  FoundFilter,
  Provider,
  Session,
  Sublayer,
} from '../../agent/enforce/wfp/types.js';

/** What the engine holds at one moment. Never changed: a change makes another. */
export interface FakeContent {
  readonly providers: ReadonlyMap<Guid, Provider>;
  readonly sublayers: ReadonlyMap<Guid, Sublayer>;
  readonly filters: ReadonlyMap<Guid, Filter>;
}

const NOTHING: FakeContent = { providers: new Map(), sublayers: new Map(), filters: new Map() };

/**
 * BFE in memory, with its keys, references, lifetimes, transactions and subscriptions, that stops, fails and remembers
 * as a test says. The same edge is covered with the real library calls by the double in test/windows.
 */
export class FakeBfe {
  /** What is committed, at each moment since the test began. */
  readonly versions: FakeContent[] = [NOTHING];
  /** Names of the calls that arrived, in their order. */
  readonly journal: string[] = [];
  /** Asked before each call: the name of the Windows error with which it fails; undefined: it does not. */
  fault: (call: string, index: number) => string | undefined = () => undefined;
  /** Filters that BFE keeps and does not use. */
  readonly disabled = new Set<Guid>();
  private running = true;
  private readonly engines = new Set<FakeEngine>();

  get content(): FakeContent {
    return this.versions.at(-1) ?? NOTHING;
  }

  get openSessions(): number {
    return this.engines.size;
  }

  readonly open = async (): Promise<WfpEngine> => {
    await this.call('FwpmEngineOpen0');
    const engine = new FakeEngine(this, () => this.engines.delete(engine));
    this.engines.add(engine);
    return engine;
  };

  /** `net stop bfe`: sessions and all that is not persistent are gone. */
  stop(): void {
    this.running = false;
    for (const engine of this.engines) engine.lose();
    this.engines.clear();
    const lasting = <T extends { lifetime: string }>(objects: ReadonlyMap<Guid, T>): Map<Guid, T> =>
      new Map([...objects].filter(([, { lifetime }]) => lifetime !== 'static'));
    const { providers, sublayers, filters } = this.content;
    this.versions.push({
      providers: lasting(providers),
      sublayers: lasting(sublayers),
      filters: lasting(filters),
    });
  }

  start(): void {
    this.running = true;
  }

  /** Takes every session away, as Windows does when it likes. */
  abortSessions(): void {
    for (const engine of this.engines) engine.lose();
    this.engines.clear();
  }

  async call(name: string): Promise<void> {
    await Promise.resolve();
    const index = this.journal.push(name) - 1;
    const fault = this.fault(name, index);
    if (fault !== undefined) throw new WfpError(name, codeOf(fault));
    if (!this.running) throw new WfpError(name, codeOf('EPT_S_NOT_REGISTERED'));
  }

  commit(content: FakeContent): void {
    const before = this.content.filters;
    this.versions.push(content);
    const changes: FilterChange[] = [];
    const change = (kind: FilterChange['kind'], key: Guid): void => void changes.push({ kind, key, id: 0n });
    for (const [key, filter] of before) if (content.filters.get(key) !== filter) change('deleted', key);
    for (const [key, filter] of content.filters) if (before.get(key) !== filter) change('added', key);
    for (const engine of this.engines) for (const one of changes) engine.tell(one);
  }
}

class FakeEngine implements WfpEngine {
  private readonly listeners = new Set<(change: FilterChange) => void>();
  private lost = false;

  constructor(
    private readonly bfe: FakeBfe,
    private readonly closed: () => void,
  ) {}

  /** The handle of the session leads nowhere any more. */
  lose(): void {
    this.lost = true;
  }

  tell(change: FilterChange): void {
    for (const listener of this.listeners) setImmediate(() => listener(change));
  }

  async transaction<T>(work: (objects: WfpObjects) => Promise<T>): Promise<T> {
    await this.call('FwpmTransactionBegin0');
    const inside = new FakeObjects((name) => this.call(name), this.bfe.content, this.bfe.disabled);
    try {
      const result = await work(inside);
      await this.call('FwpmTransactionCommit0');
      this.bfe.commit(inside.content);
      return result;
    } catch (error) {
      await this.call('FwpmTransactionAbort0').catch(() => undefined);
      throw error;
    }
  }

  async subscribe(changed: (change: FilterChange) => void): Promise<Disposable> {
    await this.call('FwpmFilterSubscribeChanges0');
    this.listeners.add(changed);
    return { [Symbol.dispose]: () => void this.listeners.delete(changed) };
  }

  async sessions(): Promise<Session[]> {
    await this.call('FwpmSessionEnum0');
    return [];
  }

  appId(path: string): Promise<Buffer | undefined> {
    if (!/^[A-Z]:\\/.test(path)) return Promise.reject(new RangeError(`"${path}" is not a whole path`));
    if (path.includes('broken')) {
      return Promise.reject(new WfpError('FwpmGetAppIdFromFileName0', codeOf('ERROR_ACCESS_DENIED')));
    }
    const text = `\\device\\harddiskvolume1${path.replaceAll('/', '\\').toLowerCase()}\0`;
    return Promise.resolve(path.includes('missing') ? undefined : Buffer.from(text, 'utf16le'));
  }

  close(): Promise<void> {
    this.lost = true;
    this.listeners.clear();
    this.closed();
    return Promise.resolve();
  }

  [Symbol.dispose](): void {
    void this.close();
  }

  addProvider: WfpObjects['addProvider'] = (provider) => this.transaction((in_) => in_.addProvider(provider));
  addSublayer: WfpObjects['addSublayer'] = (sublayer) => this.transaction((in_) => in_.addSublayer(sublayer));
  addFilters: WfpObjects['addFilters'] = (filters) => this.transaction((in_) => in_.addFilters(filters));
  deleteProvider: WfpObjects['deleteProvider'] = (key) => this.transaction((in_) => in_.deleteProvider(key));
  deleteSublayer: WfpObjects['deleteSublayer'] = (key) => this.transaction((in_) => in_.deleteSublayer(key));
  deleteFilters: WfpObjects['deleteFilters'] = (keys) => this.transaction((in_) => in_.deleteFilters(keys));
  provider: WfpObjects['provider'] = (key) => this.outside().provider(key);
  sublayer: WfpObjects['sublayer'] = (key) => this.outside().sublayer(key);
  filter: WfpObjects['filter'] = (key) => this.outside().filter(key);
  sublayers: WfpObjects['sublayers'] = () => this.outside().sublayers();
  filters: WfpObjects['filters'] = (layer, provider) => this.outside().filters(layer, provider);

  private outside(): FakeObjects {
    return new FakeObjects((name) => this.call(name), this.bfe.content, this.bfe.disabled);
  }

  private async call(name: string): Promise<void> {
    await this.bfe.call(name);
    if (this.lost) throw new WfpError(name, codeOf('ERROR_INVALID_HANDLE'));
  }
}

class FakeObjects implements WfpObjects {
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
