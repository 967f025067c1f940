import type { Clock } from '../../shared/clock.js';
import { WindowsError, type Handle } from './library.js';
import { WinError } from './error-codes.js';
import { NO_HANDLE, pipeCalls, type PipeCalls } from './pipe-calls.js';
import type { ClientReader, PipeClient } from './pipe-client.js';
import { Signals } from './pipe-signals.js';
import { isGone, PipeStream } from './pipe-stream.js';
import { Transfer } from './pipe-transfer.js';
import { securityAttributes } from './security-attributes.js';

/**
 * Owner and primary group Administrators; a list that inherits nothing and lets LocalSystem and Administrators do everything,
 * nobody else anything. Only an administrator may give an object that owner, so the owner proves who made the pipe.
 */
const ADMINISTRATORS_ONLY = 'O:BAG:BAD:P(A;;GA;;;SY)(A;;GA;;;BA)';

const PIPE_ACCESS_DUPLEX = 0x3;
const FILE_FLAG_FIRST_PIPE_INSTANCE = 0x0008_0000;
const FILE_FLAG_OVERLAPPED = 0x4000_0000;
/** Bytes, no messages; calls that wait are overlapped. */
const PIPE_REJECT_REMOTE_CLIENTS = 0x8;
const BUFFER_BYTES = 65_536;
/** A program that checks who made the pipe holds a connection without a word while it makes its call on another one. */
const QUIET_MS = 300_000;
/** After a failure that has nothing to do with a client. */
const PAUSE_MS = 1_000;

export interface PipeServerParts {
  /** `\\.\pipe\NAME` */
  readonly name: string;
  /** Connections at the same time; who comes then waits or is told that the pipe is busy. */
  readonly most: number;
  readonly clock: Clock;
  readonly readClient: ClientReader;
  /** Whom to let in. */
  readonly admits: (client: PipeClient) => boolean;
  readonly onConnection: (stream: PipeStream, client: PipeClient) => void;
  readonly onRefused: (client: PipeClient) => void;
  readonly onTrouble: (error: Error) => void;
}

/** How an instance of the pipe is opened. The first one fails where anybody has made a pipe of that name. */
export function openMode(first: boolean): number {
  const mode = PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED;
  return (first ? mode | FILE_FLAG_FIRST_PIPE_INSTANCE : mode) >>> 0;
}

/** One instance of the pipe: one client after the other. */
interface Instance {
  readonly pipe: Handle;
  readonly reader: Transfer;
  readonly writer: Transfer;
}

/**
 * A named pipe for the administrators of this computer. All instances are made at the start and used again: there is no moment
 * at which somebody else could add one, or make the pipe anew.
 */
export class PipeServer {
  private readonly instances: Instance[] = [];
  private readonly streams = new Set<PipeStream>();
  /** Ends those that wait before they try again. */
  private readonly pauses = new Set<() => void>();
  private ended: Promise<unknown> = Promise.resolve();
  private closed = false;

  private constructor(
    private readonly calls: PipeCalls,
    private readonly parts: PipeServerParts,
  ) {}

  /** @throws WindowsError that says what to do */
  static async open(parts: PipeServerParts): Promise<PipeServer> {
    const server = new PipeServer(await pipeCalls(), parts);
    const security = await securityAttributes(ADMINISTRATORS_ONLY);
    const signals = await Signals.get();
    try {
      for (let made = 0; made < parts.most; made++) {
        server.instances.push(server.make(signals, security.bytes, made === 0));
      }
    } catch (error) {
      for (const instance of server.instances) server.destroy(instance);
      throw error;
    } finally {
      security.free();
    }
    server.ended = Promise.all(server.instances.map((instance) => server.serve(instance)));
    return server;
  }

  /** Ends every connection. Resolves when the pipe is gone. */
  async close(): Promise<void> {
    this.closed = true;
    for (const stream of this.streams) stream.destroy();
    for (const end of this.pauses) end();
    for (const { reader, writer } of this.instances) {
      void reader.cancel();
      void writer.cancel();
    }
    await this.ended;
  }

  private make(signals: Signals, security: Buffer, first: boolean): Instance {
    const { name, most } = this.parts;
    const { calls } = this;
    const pipe = calls.createNamedPipe(
      name,
      openMode(first),
      PIPE_REJECT_REMOTE_CLIENTS,
      most,
      BUFFER_BYTES,
      BUFFER_BYTES,
      0,
      security,
    );
    if (pipe === NO_HANDLE) throw creationError(calls.lastError());
    try {
      const reader = new Transfer(calls, signals, pipe);
      return { pipe, reader, writer: new Transfer(calls, signals, pipe) };
    } catch (error) {
      calls.closeHandle(pipe);
      throw error;
    }
  }

  private destroy({ pipe, reader, writer }: Instance): void {
    this.calls.closeHandle(pipe);
    reader.close();
    writer.close();
  }

  /** Until the server is closed. */
  private async serve(instance: Instance): Promise<void> {
    while (!this.closed) {
      try {
        const outcome = await instance.reader.connect();
        if (outcome.kind === 'done') await this.attend(instance);
        else if (!isGone(outcome)) throw new WindowsError(outcome.call, outcome.code);
      } catch (error) {
        this.parts.onTrouble(error as Error);
        await this.pause();
      } finally {
        // The other end loses what it has not read: answers have been read by whoever hangs up, or nobody wants them.
        this.calls.disconnect(instance.pipe);
      }
    }
    this.destroy(instance);
  }

  private async attend(instance: Instance): Promise<void> {
    if (this.closed) return;
    const first = await this.firstBytes(instance);
    if (!first || this.closed) return;
    const { readClient, admits, onConnection, onRefused } = this.parts;
    const client = readClient(instance.pipe);
    if (!admits(client)) return onRefused(client);
    const stream = new PipeStream(instance, first);
    this.streams.add(stream);
    await new Promise<void>((resolve) => {
      stream.once('close', resolve);
      onConnection(stream, client);
    });
    this.streams.delete(stream);
    await Promise.all([instance.reader.cancel(), instance.writer.cancel()]);
  }

  /** What a client begins with. Undefined: it left, or has nothing to say. */
  private async firstBytes({ reader }: Instance): Promise<Buffer | undefined> {
    const stop = this.parts.clock.after(QUIET_MS, () => void reader.cancel());
    try {
      const outcome = await reader.read();
      return outcome.kind === 'done' && outcome.bytes > 0 ? reader.received(outcome.bytes) : undefined;
    } finally {
      stop();
    }
  }

  private async pause(): Promise<void> {
    await new Promise<void>((resolve) => {
      const end = (): void => {
        cancel();
        this.pauses.delete(end);
        resolve();
      };
      const cancel = this.parts.clock.after(this.closed ? 0 : PAUSE_MS, end);
      this.pauses.add(end);
    });
  }
}

function creationError(code: number): WindowsError {
  return new WindowsError('CreateNamedPipeW', code, hintFor(code));
}

function hintFor(code: number): string {
  switch (code) {
    case WinError.ACCESS_DENIED:
    case WinError.PIPE_BUSY:
      return 'another program has a pipe of this name; stop it, or set control_socket to another name';
    case WinError.INVALID_OWNER:
      return 'only LocalSystem and elevated administrators may make it; run the agent as a service, or as administrator';
    default:
      return 'set control_socket to \\\\.\\pipe\\NAME';
  }
}
