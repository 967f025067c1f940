import { check, written, type SessionCalls } from './calls.js';
import { FWPM_FLAG } from './constants.js';
import { decodeChange } from './decode.js';
import type { Raw } from './encode.js';
import { LAYERS, type Guid, type Layer } from './guids.js';
import type { Address, ChangeHandle, Out } from './library.js';
import { toRawGuid, ZERO_GUID } from './guid-memory.js';
import { filterTemplate } from './objects.js';
import type { FilterChange } from './types.js';

const BOTH =
  FWPM_FLAG.FWPM_SUBSCRIPTION_FLAG_NOTIFY_ON_ADD | FWPM_FLAG.FWPM_SUBSCRIPTION_FLAG_NOTIFY_ON_DELETE;

/** Changes by every session. */
const NOBODYS = toRawGuid(ZERO_GUID);

/** Ends one subscription, by the call given: that of the session, or the one that is allowed while it is closed. */
export type Unsubscribe = (handle: ChangeHandle) => Promise<number>;

/** Changes that BFE tells of. Its thread calls, and waits until the function here has returned. */
export class Subscription {
  private readonly handles: ChangeHandle[] = [];
  private readonly callback: bigint;
  private heard = true;
  private ending: Promise<void> | undefined;

  constructor(
    private readonly calls: SessionCalls,
    changed: (change: FilterChange) => void,
  ) {
    const { memory } = calls.library;
    this.callback = memory.koffi.register((_context: unknown, address: Address<'change'>) => {
      if (!this.heard) return;
      const change = decodeChange(memory, address);
      if (change !== undefined) changed(change);
    }, memory.changeCallback);
  }

  /**
   * @param provider only its filters, at the layers of guids.ts: a template needs a layer. Undefined: all, anywhere.
   * @throws WfpError
   */
  async start(provider: Guid | undefined): Promise<void> {
    const templates =
      provider === undefined
        ? [null]
        : (Object.keys(LAYERS) as Layer[]).map((layer) => filterTemplate(layer, provider));
    for (const enumTemplate of templates) await this.add({ enumTemplate, flags: BOTH, sessionKey: NOBODYS });
  }

  /** Nothing is reported from now on. Idempotent. Not in a transaction: Windows refuses it there. */
  end(unsubscribe: Unsubscribe): Promise<void> {
    this.heard = false;
    this.ending ??= this.unsubscribe(unsubscribe);
    return this.ending;
  }

  /** Silent at once; BFE is told when `end` runs. */
  mute(): void {
    this.heard = false;
  }

  private async add(subscription: Raw): Promise<void> {
    const handle: Out<ChangeHandle> = [null];
    const code = await this.calls.later(
      'FwpmFilterSubscribeChanges0',
      subscription,
      this.callback,
      null,
      handle,
    );
    check('FwpmFilterSubscribeChanges0', code);
    this.handles.push(written('FwpmFilterSubscribeChanges0', handle));
  }

  private async unsubscribe(unsubscribe: Unsubscribe): Promise<void> {
    let failed = false;
    for (const handle of this.handles) failed = (await unsubscribe(handle)) !== 0 || failed;
    // BFE calls no more once all have returned. Where one failed it might: then the few bytes are left to it.
    if (!failed) this.calls.library.memory.koffi.unregister(this.callback);
  }
}
