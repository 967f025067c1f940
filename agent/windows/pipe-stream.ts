import { Duplex } from 'node:stream';
import { WindowsError } from './library.js';
import { WinError } from './error-codes.js';
import { TRANSFER_BYTES, type Outcome, type Transfer } from './pipe-transfer.js';

/** The two directions of a connection. */
export interface Transfers {
  readonly reader: Pick<Transfer, 'read' | 'received'>;
  readonly writer: Pick<Transfer, 'write'>;
}

/** What a pipe says once its other end is gone. */
const GONE: ReadonlySet<number> = new Set([
  WinError.HANDLE_EOF,
  WinError.BROKEN_PIPE,
  WinError.NO_DATA,
  WinError.PIPE_NOT_CONNECTED,
  WinError.OPERATION_ABORTED,
]);

/** Whether a transfer failed because the other end has left, or because we have. */
export function isGone(outcome: Outcome): boolean {
  return outcome.kind === 'failed' && GONE.has(outcome.code);
}

/**
 * One connection of a pipe as a stream of Node. A pipe has no half-open state: when one end closes, both directions are over.
 * It does not own the pipe; `close` is the time to take that down.
 */
export class PipeStream extends Duplex {
  /** @param first what has been read already */
  constructor(
    private readonly transfers: Transfers,
    first: Buffer,
  ) {
    super({ allowHalfOpen: false });
    this.push(first);
  }

  override _read(): void {
    void this.receive();
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error) => void): void {
    this.send(chunk).then(() => done(), done);
  }

  private async receive(): Promise<void> {
    const { reader } = this.transfers;
    let outcome: Outcome;
    // A writer may write nothing, which is not the end.
    do {
      if (this.destroyed) return;
      outcome = await reader.read();
    } while (outcome.kind === 'done' && outcome.bytes === 0);
    if (this.destroyed) return;
    if (outcome.kind === 'done') this.push(reader.received(outcome.bytes));
    else if (isGone(outcome)) this.push(null);
    else this.destroy(new WindowsError(outcome.call, outcome.code));
  }

  private async send(chunk: Buffer): Promise<void> {
    for (let from = 0; from < chunk.length;) {
      // The pipe may serve another client by then.
      if (this.destroyed) return;
      const outcome = await this.transfers.writer.write(chunk.subarray(from, from + TRANSFER_BYTES));
      if (outcome.kind === 'failed') throw new WindowsError(outcome.call, outcome.code);
      from += outcome.bytes;
    }
  }
}
