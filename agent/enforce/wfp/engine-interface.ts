import type { Guid, Layer } from './guids.js';
import type { Filter, FilterChange, FoundFilter, Provider, Session, Sublayer } from './types.js';

/** What can be read and changed, in a transaction or without. Every method rejects with WfpError (errors.ts). */
export interface WfpObjects {
  addProvider(provider: Provider, securityDescriptor?: Buffer): Promise<void>;
  addSublayer(sublayer: Sublayer, securityDescriptor?: Buffer): Promise<void>;
  /** Lets the event loop breathe between slices of some milliseconds. Resolves to the run-time ids. */
  addFilters(filters: readonly Filter[], securityDescriptor?: Buffer): Promise<bigint[]>;
  /** False: there was none. */
  deleteProvider(key: Guid): Promise<boolean>;
  deleteSublayer(key: Guid): Promise<boolean>;
  /** Resolves to the number of those that were there. */
  deleteFilters(keys: readonly Guid[]): Promise<number>;
  provider(key: Guid): Promise<Provider | undefined>;
  sublayer(key: Guid): Promise<Sublayer | undefined>;
  filter(key: Guid): Promise<FoundFilter | undefined>;
  sublayers(): Promise<Sublayer[]>;
  /** Boot-time and disabled ones included. `provider` undefined: everybody's. */
  filters(layer: Layer, provider?: Guid): Promise<FoundFilter[]>;
}

/** An open session of the filter engine. Calls are made one at a time, in the order in which they were asked for. */
export interface WfpEngine extends WfpObjects, Disposable {
  /**
   * Runs `work` in one write transaction: commits when it resolves, aborts when it rejects, and rejects with its error then.
   * Waits for the lock for `lockWaitMs` of the engine, tries again, and names the holders when it gives up.
   * Nothing else runs on this engine meanwhile; calls in `work` go through its argument. One to the engine itself would wait
   * for its own end, and is refused.
   */
  transaction<T>(work: (objects: WfpObjects) => Promise<T>): Promise<T>;
  sessions(): Promise<Session[]>;
  /**
   * Calls `changed` for every filter that another session adds or deletes, until the subscription is ended: BFE does not tell
   * a session of its own changes. `provider`: only its filters, at the layers of guids.ts.
   */
  subscribe(changed: (change: FilterChange) => void, provider?: Guid): Promise<Disposable>;
  /** FwpmGetAppIdFromFileName0: the NT path of a file, as ALE_APP_ID compares it. Undefined: there is no such file. */
  appId(path: string): Promise<Buffer | undefined>;
  /** Ends the session, and whatever is under way in it. Idempotent; one that BFE has ended before is closed all the same. */
  close(): Promise<void>;
}

export interface EngineOptions {
  /** Shown to others who wait for the lock. */
  readonly name: string;
  /** Objects vanish with the session: for tests and self-tests. Default false. */
  readonly dynamic?: boolean;
  /** How long a transaction waits for the lock, milliseconds, 1 to 3,600,000. Default 5000. */
  readonly lockWaitMs?: number;
  /** Path of the library. Default: fwpuclnt.dll in the system folder, whatever stands in the search path. */
  readonly library?: string;
}
