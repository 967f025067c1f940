import type { Handle } from './library.js';
import { WinError } from './error-codes.js';
import type { PipeCalls } from './pipe-calls.js';
import type { Signal, Signals } from './pipe-signals.js';

/** How a transfer ended. */
export type Outcome =
  | { readonly kind: 'done'; readonly bytes: number }
  | { readonly kind: 'failed'; readonly call: string; readonly code: number };

/** `sizeof(OVERLAPPED)` of 64-bit Windows; `hEvent` is its last member. */
const OVERLAPPED_BYTES = 32;
const EVENT_OFFSET = 24;
/** Of no consequence: a timer keeps Node running whenever it is due. */
const LOOK_ALIVE_MS = 60_000;
/** Most bytes of one transfer. */
export const TRANSFER_BYTES = 65_536;

/**
 * One direction of a pipe: at most one transfer at a time, which Windows works on while Node goes on. The memory that Windows
 * writes to belongs to this object, is not moved by the garbage collector, and is kept until the transfer is over.
 */
export class Transfer {
  private readonly memory = Buffer.allocUnsafeSlow(OVERLAPPED_BYTES + TRANSFER_BYTES);
  private readonly overlapped = this.memory.subarray(0, OVERLAPPED_BYTES);
  private readonly data = this.memory.subarray(OVERLAPPED_BYTES);
  private readonly signal: Signal;
  private pending: { readonly call: string; readonly end: (outcome: Outcome) => void } | undefined;
  private last: Promise<unknown> = Promise.resolve();

  /** @throws WindowsError */
  constructor(
    private readonly calls: PipeCalls,
    private readonly signals: Signals,
    private readonly pipe: Handle,
  ) {
    this.signal = signals.take(() => this.look());
  }

  /** Waits for a client. */
  connect(): Promise<Outcome> {
    return this.start('ConnectNamedPipe', () => this.calls.connect(this.pipe, this.overlapped));
  }

  /** What came can be had from `received` until the next transfer. */
  read(): Promise<Outcome> {
    return this.start('ReadFile', () =>
      this.calls.read(this.pipe, this.data, TRANSFER_BYTES, null, this.overlapped),
    );
  }

  /** A copy of the first bytes that were read. */
  received(bytes: number): Buffer {
    return Buffer.from(this.data.subarray(0, bytes));
  }

  /** @param bytes 1 to TRANSFER_BYTES; may be used again at once */
  write(bytes: Uint8Array): Promise<Outcome> {
    this.data.set(bytes);
    return this.start('WriteFile', () =>
      this.calls.write(this.pipe, this.data, bytes.length, null, this.overlapped),
    );
  }

  /**
   * Ends a transfer that is under way; it fails with OPERATION_ABORTED, or has been done already. Resolves when Windows is
   * done with the memory.
   */
  async cancel(): Promise<void> {
    if (this.pending) this.calls.cancel(this.pipe, this.overlapped);
    // Node does not know that something is under way: with nothing else to do, it would end before this is over.
    const alive = setInterval(() => undefined, LOOK_ALIVE_MS);
    await this.last;
    clearInterval(alive);
  }

  /** Only while nothing is under way. */
  close(): void {
    this.signals.giveBack(this.signal);
  }

  private start(call: string, begin: () => number): Promise<Outcome> {
    if (this.pending) throw new Error(`${call}: another transfer is under way`);
    this.overlapped.fill(0);
    this.overlapped.writeBigInt64LE(BigInt(this.signal.event), EVENT_OFFSET);
    const transfer = new Promise<Outcome>((resolve) => {
      this.pending = { call, end: resolve };
      // What is done at once sets the event, too.
      if (begin() !== 0) return;
      const code = this.calls.lastError();
      if (code === WinError.IO_PENDING) return;
      this.end(
        code === WinError.PIPE_CONNECTED ? { kind: 'done', bytes: 0 } : { kind: 'failed', call, code },
      );
    });
    this.last = transfer;
    return transfer;
  }

  private look(): void {
    if (!this.pending) return;
    const bytes: [number] = [0];
    if (this.calls.result(this.pipe, this.overlapped, bytes, 0) !== 0) {
      this.end({ kind: 'done', bytes: bytes[0] });
      return;
    }
    const code = this.calls.lastError();
    // The event was that of a transfer before this one.
    if (code === WinError.IO_INCOMPLETE) return;
    this.end({ kind: 'failed', call: this.pending.call, code });
  }

  private end(outcome: Outcome): void {
    const { pending } = this;
    this.pending = undefined;
    pending?.end(outcome);
  }
}
