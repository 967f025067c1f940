import { AsyncLocalStorage } from 'node:async_hooks';
import { randomUUID } from 'node:crypto';
import { win32 } from 'node:path';
import { check, SessionCalls, written } from './calls.js';
import { FWPM_FLAG, RPC_C_AUTHN_WINNT } from './constants.js';
import { decodeBlobAt, decodeSession } from './decode.js';
import type { Raw } from './encode.js';
import { encodeText } from './encode-value.js';
import type { EngineOptions, WfpEngine, WfpObjects } from './engine-interface.js';
import { enumerate, free } from './enumerate.js';
import { codeOf } from './errors.js';
import { toRawGuid } from './guid-memory.js';
import { guid, type Guid, type Layer } from './guids.js';
import { loadWfp, type Address, type EngineHandle, type Out, type WfpLibrary } from './library.js';
import { SessionObjects } from './objects.js';
import { Queue } from './queue.js';
import { Subscription } from './subscription.js';
import { runTransaction } from './transaction.js';
import type { Filter, FilterChange, FoundFilter, Provider, Session, Sublayer } from './types.js';

const DEFAULT_LOCK_WAIT_MS = 5_000;
const LONGEST_LOCK_WAIT_MS = 3_600_000;

/**
 * Opens a session of the filter engine.
 * @throws WfpError where BFE does not run (`isUnavailable`), or the caller may not
 * @throws RangeError where an option is out of range
 * @throws Error where there is no library (this is no Windows)
 */
export async function openEngine(options: EngineOptions): Promise<WfpEngine> {
  const key = guid(randomUUID());
  const session = encodeSession(key, options);
  const library = await loadWfp(options.library);
  const handle: Out<EngineHandle> = [null];
  const code = await library.later('FwpmEngineOpen0', null, RPC_C_AUTHN_WINNT, null, session, handle);
  check('FwpmEngineOpen0', code, { object: `session "${options.name}"` });
  return new Engine(new SessionCalls(library, written('FwpmEngineOpen0', handle)), library, key);
}

function encodeSession(key: Guid, options: EngineOptions): Raw {
  const { name, dynamic, lockWaitMs = DEFAULT_LOCK_WAIT_MS } = options;
  if (!Number.isInteger(lockWaitMs) || lockWaitMs < 1 || lockWaitMs > LONGEST_LOCK_WAIT_MS) {
    throw new RangeError(`lockWaitMs: ${lockWaitMs} is not a whole number from 1 to ${LONGEST_LOCK_WAIT_MS}`);
  }
  if (name === '') throw new RangeError('name: a session needs one, for those who wait for its lock');
  return {
    sessionKey: toRawGuid(key),
    displayData: { name: encodeText(name, 'session name'), description: '' },
    flags: dynamic === true ? FWPM_FLAG.FWPM_SESSION_FLAG_DYNAMIC : 0,
    txnWaitTimeoutInMSec: lockWaitMs,
    processId: 0,
    sid: null,
    username: null,
    kernelMode: 0,
  };
}

class Engine implements WfpEngine {
  private readonly queue = new Queue();
  private readonly objects: WfpObjects;
  private readonly subscriptions = new Set<Subscription>();
  /** The transaction that the present code belongs to. */
  private readonly inside = new AsyncLocalStorage<{ open: boolean }>();
  private transacting = false;

  constructor(
    private readonly calls: SessionCalls,
    private readonly library: WfpLibrary,
    private readonly key: Guid,
  ) {
    this.objects = new SessionObjects(calls, { run: (work) => this.inTurn(work) }, 'waits for the lock');
  }

  transaction<Result>(work: (objects: WfpObjects) => Promise<Result>): Promise<Result> {
    return this.inTurn(async () => {
      const state = { open: true };
      this.transacting = true;
      try {
        const marked = (objects: WfpObjects) => this.inside.run(state, () => work(objects));
        return await runTransaction(this.calls, marked, {
          sessions: () => this.listSessions(),
          ownKey: this.key,
          random: Math.random,
        });
      } finally {
        state.open = false;
        this.transacting = false;
      }
    });
  }

  sessions(): Promise<Session[]> {
    return this.inTurn(() => this.listSessions());
  }

  async subscribe(changed: (change: FilterChange) => void, provider?: Guid): Promise<Disposable> {
    const subscription = new Subscription(this.calls, changed);
    this.subscriptions.add(subscription);
    const end = () => this.queue.run(() => this.endSubscription(subscription));
    try {
      await this.inTurn(() => subscription.start(provider));
    } catch (error) {
      await end().catch(() => undefined);
      throw error;
    }
    return {
      [Symbol.dispose]: () => {
        subscription.mute();
        end().catch(() => undefined);
      },
    };
  }

  async appId(path: string): Promise<Buffer | undefined> {
    if (!win32.isAbsolute(path))
      throw new RangeError(`"${path}" is not a whole path, such as C:\\Folder\\program.exe`);
    const blob: Out<Address<'blob'>> = [null];
    // Needs no session: a path of a slow drive keeps nobody else waiting.
    const code = await this.library.later('FwpmGetAppIdFromFileName0', encodeText(path, 'path'), blob);
    if (code === codeOf('ERROR_FILE_NOT_FOUND') || code === codeOf('ERROR_PATH_NOT_FOUND')) return undefined;
    check('FwpmGetAppIdFromFileName0', code, { object: `file "${path}"` });
    try {
      return decodeBlobAt(this.library.memory, written('FwpmGetAppIdFromFileName0', blob));
    } finally {
      free(this.library, blob);
    }
  }

  close(): Promise<void> {
    return this.calls.end(async (call) => {
      // Whoever waited for the last call takes up first what it gave, the handle of a subscription for example.
      await new Promise((resolve) => setImmediate(resolve));
      // Aborted by name, not only by the end of the session: subscriptions cannot be ended inside of it.
      if (this.transacting) await call('FwpmTransactionAbort0');
      for (const subscription of this.subscriptions) {
        await subscription.end((handle) => call('FwpmFilterUnsubscribeChanges0', handle));
      }
      this.subscriptions.clear();
    });
  }

  [Symbol.dispose](): void {
    this.close().catch(() => undefined);
  }

  addProvider(provider: Provider, securityDescriptor?: Buffer): Promise<void> {
    return this.objects.addProvider(provider, securityDescriptor);
  }

  addSublayer(sublayer: Sublayer, securityDescriptor?: Buffer): Promise<void> {
    return this.objects.addSublayer(sublayer, securityDescriptor);
  }

  addFilters(filters: readonly Filter[], securityDescriptor?: Buffer): Promise<bigint[]> {
    return this.objects.addFilters(filters, securityDescriptor);
  }

  deleteProvider(key: Guid): Promise<boolean> {
    return this.objects.deleteProvider(key);
  }

  deleteSublayer(key: Guid): Promise<boolean> {
    return this.objects.deleteSublayer(key);
  }

  deleteFilters(keys: readonly Guid[]): Promise<number> {
    return this.objects.deleteFilters(keys);
  }

  provider(key: Guid): Promise<Provider | undefined> {
    return this.objects.provider(key);
  }

  sublayer(key: Guid): Promise<Sublayer | undefined> {
    return this.objects.sublayer(key);
  }

  filter(key: Guid): Promise<FoundFilter | undefined> {
    return this.objects.filter(key);
  }

  sublayers(): Promise<Sublayer[]> {
    return this.objects.sublayers();
  }

  filters(layer: Layer, provider?: Guid): Promise<FoundFilter[]> {
    return this.objects.filters(layer, provider);
  }

  /** Rejects in a transaction of this engine, which would wait for a call that waits for the transaction. */
  private inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.inside.getStore()?.open !== true) return this.queue.run(work);
    return Promise.reject(
      new Error('Inside of a transaction, make the call through the argument of its work'),
    );
  }

  private listSessions(): Promise<Session[]> {
    return enumerate(this.calls, 'sessions', null, decodeSession);
  }

  private async endSubscription(subscription: Subscription): Promise<void> {
    // Ended along with the session: `close` has done it.
    if (this.calls.ended) return;
    await subscription.end((handle) => this.calls.later('FwpmFilterUnsubscribeChanges0', handle));
    this.subscriptions.delete(subscription);
  }
}
