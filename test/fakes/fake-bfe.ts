import type { WfpEngine, WfpObjects } from '../../agent/enforce/wfp/engine-interface.js';
import { codeOf, WfpError } from '../../agent/enforce/wfp/errors.js';
import type { Guid } from '../../agent/enforce/wfp/guids.js';
import type { FilterChange, Session } from '../../agent/enforce/wfp/types.js';
import { FakeObjects, NOTHING, type FakeContent } from './fake-bfe-objects.js';

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

  async close(): Promise<void> {
    this.listeners.clear();
    this.closed();
    await this.call('FwpmEngineClose0');
    this.lost = true;
  }

  [Symbol.dispose](): void {
    this.close().catch(() => undefined);
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
