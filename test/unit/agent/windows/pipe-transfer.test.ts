import { expect } from 'chai';
import { WinError } from '../../../../agent/windows/error-codes.js';
import type { PipeCalls } from '../../../../agent/windows/pipe-calls.js';
import { isLocalPipe } from '../../../../agent/windows/pipe-owner.js';
import { openMode } from '../../../../agent/windows/pipe-server.js';
import type { Signal, Signals } from '../../../../agent/windows/pipe-signals.js';
import { isGone, PipeStream } from '../../../../agent/windows/pipe-stream.js';
import { Transfer, type Outcome } from '../../../../agent/windows/pipe-transfer.js';

/** A kernel that does what a test says. */
class Kernel {
  /** What a call answers: done at once, or an error. */
  begin = 0;
  error: number = WinError.IO_PENDING;
  /** What GetOverlappedResult says; undefined: not done yet. */
  bytes: number | undefined;
  cancelled = 0;
  readonly signal: Signal = { event: 7, handler: undefined };
  events: bigint[] = [];

  transfer(): Transfer {
    const begin = (overlapped: Buffer): number => {
      this.events.push(overlapped.readBigInt64LE(24));
      return this.begin;
    };
    const calls: Partial<PipeCalls> = {
      connect: (_pipe, overlapped) => begin(overlapped),
      read: (_pipe, into, _bytes, _done, overlapped) => {
        into.write('hello');
        return begin(overlapped);
      },
      result: (_pipe, _overlapped, bytes) => {
        bytes[0] = this.bytes ?? 0;
        if (this.bytes === undefined) this.error = WinError.IO_INCOMPLETE;
        return this.bytes === undefined ? 0 : 1;
      },
      cancel: () => (this.cancelled += 1),
      lastError: () => this.error,
    };
    const signals: Pick<Signals, 'take' | 'giveBack'> = {
      take: (handler) => Object.assign(this.signal, { handler }),
      giveBack: () => undefined,
    };
    return new Transfer(calls as PipeCalls, signals as Signals, 3);
  }
}

describe('a transfer over a pipe', () => {
  it('ends when its event says so, and not by an event that belongs to the one before it', async () => {
    const kernel = new Kernel();
    const transfer = kernel.transfer();
    kernel.signal.handler?.();
    let ended: Outcome | undefined;
    const reading = transfer.read().then((outcome) => (ended = outcome));
    kernel.signal.handler?.();
    await Promise.resolve();
    expect(ended).to.equal(undefined);
    kernel.bytes = 5;
    kernel.signal.handler?.();
    expect(await reading).to.deep.equal({ kind: 'done', bytes: 5 });
    expect(transfer.received(5).toString()).to.equal('hello');
    expect(kernel.events).to.deep.equal([7n]);
  });

  it('ends at once where the call fails, or where a client was there before the call', async () => {
    const kernel = new Kernel();
    kernel.error = WinError.PIPE_CONNECTED;
    expect(await kernel.transfer().connect()).to.deep.equal({ kind: 'done', bytes: 0 });
    kernel.error = WinError.BROKEN_PIPE;
    const broken = await kernel.transfer().read();
    expect(broken).to.deep.equal({ kind: 'failed', call: 'ReadFile', code: 109 });
    expect(isGone(broken)).to.equal(true);
    kernel.error = 6;
    expect(isGone(await kernel.transfer().read())).to.equal(false);
  });

  it('is one at a time, and is over before its memory is used again', async () => {
    const kernel = new Kernel();
    const transfer = kernel.transfer();
    void transfer.read();
    expect(() => transfer.connect()).to.throw('another transfer is under way');
    let over = false;
    const cancelled = transfer.cancel().then(() => (over = true));
    await new Promise((resolve) => setImmediate(resolve));
    expect([kernel.cancelled, over]).to.deep.equal([1, false]);
    kernel.bytes = 0;
    kernel.signal.handler?.();
    await cancelled;
    await transfer.cancel();
    expect(kernel.cancelled).to.equal(1);
  });
});

describe('a connection of a pipe', () => {
  it('writes nothing more for a connection that is over: the pipe may have another client', async () => {
    const written: number[] = [];
    let finish: (outcome: Outcome) => void = () => undefined;
    const writer = {
      write: (bytes: Uint8Array) => {
        written.push(bytes.length);
        return new Promise<Outcome>((resolve) => (finish = resolve));
      },
    };
    const reader = { read: () => new Promise<Outcome>(() => undefined), received: () => Buffer.alloc(0) };
    const stream = new PipeStream({ reader, writer }, Buffer.from('x'));
    stream.on('error', () => undefined).write(Buffer.alloc(100_000));
    expect(written).to.deep.equal([65_536]);
    stream.destroy();
    finish({ kind: 'done', bytes: 65_536 });
    await new Promise((resolve) => setImmediate(resolve));
    expect(written).to.deep.equal([65_536]);
  });
});

describe('the name of a pipe', () => {
  it('is one of this computer only', () => {
    for (const name of ['\\\\.\\pipe\\cordon-agent', '\\\\?\\PIPE\\x'])
      expect(isLocalPipe(name), name).to.equal(true);
    for (const name of [
      '\\\\server\\pipe\\cordon-agent',
      '\\\\.\\pipe\\',
      '\\\\.\\pipe\\a\\b',
      '\\\\.\\pipe\\..',
      'C:\\x',
      '/run/x.sock',
      '\\\\.\\C:',
    ])
      expect(isLocalPipe(name), name).to.equal(false);
  });

  it('is made by whoever is first, and known to be so', () => {
    // PIPE_ACCESS_DUPLEX, FILE_FLAG_OVERLAPPED, FILE_FLAG_FIRST_PIPE_INSTANCE of winbase.h.
    expect(openMode(true)).to.equal(0x4008_0003);
    expect(openMode(false)).to.equal(0x4000_0003);
  });
});
