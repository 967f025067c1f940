import { WindowsError, type Handle } from './library.js';
import { pipeCalls, type PipeCalls } from './pipe-calls.js';

const INFINITE = 0xffffffff;
/** The callback only tells Node's loop; it needs no thread of its own. */
const WT_EXECUTEINWAITTHREAD = 0x4;

/** An event of Windows that wakes Node's loop. */
export interface Signal {
  readonly event: Handle;
  /** Called in the loop for each time that the event was set. May be called late: after what it stood for is over. */
  handler: (() => void) | undefined;
}

/**
 * Waits for events without a thread of libuv's pool: one thread of Windows waits for up to 63 of them. A wait that has ended
 * cannot be taken down from here without waiting for that thread, which in turn waits for this one. So signals are never
 * destroyed but used again; there are as many as were in use at the same time.
 */
export class Signals {
  private static shared: Promise<Signals> | undefined;
  private readonly all: Signal[] = [];
  private readonly unused: Signal[] = [];
  private readonly callback: bigint;

  private constructor(private readonly calls: PipeCalls) {
    this.callback = calls.onWait((context) => this.all[context]?.handler?.());
  }

  /** Those of this process. */
  static get(): Promise<Signals> {
    return (Signals.shared ??= pipeCalls().then((calls) => new Signals(calls)));
  }

  /** @throws WindowsError */
  take(handler: () => void): Signal {
    const signal = this.unused.pop() ?? this.make();
    signal.handler = handler;
    return signal;
  }

  giveBack(signal: Signal): void {
    signal.handler = undefined;
    this.unused.push(signal);
  }

  private make(): Signal {
    const { calls } = this;
    // Automatic: the thread that waits takes the event back.
    const event = calls.createEvent(null, 0, 0, null);
    if (event === 0) throw new WindowsError('CreateEventW', calls.lastError());
    const index = this.all.length;
    const wait: [Handle] = [0];
    if (calls.registerWait(wait, event, this.callback, index, INFINITE, WT_EXECUTEINWAITTHREAD) === 0) {
      const code = calls.lastError();
      calls.closeHandle(event);
      throw new WindowsError('RegisterWaitForSingleObject', code);
    }
    const signal: Signal = { event, handler: undefined };
    this.all.push(signal);
    return signal;
  }
}
