import { createSocket, type Socket } from 'node:dgram';
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { sleep } from '../../shared/clock.js';
import type { Event } from '../../shared/gen/cordon/v1/event_service.js';
import { toSyslog } from '../../shared/siem/syslog.js';
import type { Sink } from './sink.js';
import type { SyslogSinkParts } from './stream-sink.js';

/** What every receiver should take (RFC 5426, section 3.2), bytes. */
const MOST_BYTES = 2048;
/** A name is looked up within this, milliseconds. */
const LOOK_UP_WITHIN_MS = 10_000;
/**
 * After each batch, milliseconds: time for a refusal of the other computer to come back, and for its receiver to empty the
 * buffer of its socket.
 */
const SETTLE_MS = 50;

/** Syslog over UDP (RFC 5426). Nobody confirms a datagram: what the network loses is lost. */
export class DatagramSink implements Sink {
  readonly target: string;
  readonly most = 20;
  private socket: Socket | undefined;
  private problem: Error | undefined;
  private closed = false;
  /** Ends the look-up that is under way. */
  private giveUp: (problem: Error) => void = () => undefined;

  constructor(private readonly parts: SyslogSinkParts) {
    this.target = `event_syslog ${parts.setting}`;
  }

  async write(events: readonly Event[]): Promise<void> {
    try {
      const socket = (this.socket ??= await this.connected());
      for (const event of events) {
        await send(socket, toSyslog(event, { ...this.parts, mostBytes: MOST_BYTES }));
      }
      await sleep(this.parts.clock, SETTLE_MS);
      if (this.problem) throw this.problem;
    } catch (error) {
      this.drop();
      throw error;
    }
  }

  close(): void {
    this.closed = true;
    this.giveUp(new Error('the export was ended'));
    this.drop();
  }

  /** A connected socket is told when the other computer refuses. */
  private async connected(): Promise<Socket> {
    const { host, port } = this.parts.target;
    const address = await this.lookUp(host);
    const socket = createSocket(isIP(address) === 6 ? 'udp6' : 'udp4');
    this.problem = undefined;
    socket.on('error', (error) => {
      this.problem = error;
    });
    try {
      await connect(socket, port, address);
      if (this.closed) throw new Error('the export was ended');
      return socket;
    } catch (error) {
      socket.close();
      throw error;
    }
  }

  private async lookUp(host: string): Promise<string> {
    if (isIP(host) !== 0) return host;
    let cancel = (): void => undefined;
    const limit = new Promise<never>((_, reject) => {
      this.giveUp = reject;
      const problem = new Error(`${host} could not be looked up within ${LOOK_UP_WITHIN_MS / 1000} s`);
      cancel = this.parts.clock.after(LOOK_UP_WITHIN_MS, () => reject(problem));
    });
    try {
      return (await Promise.race([lookup(host), limit])).address;
    } finally {
      cancel();
    }
  }

  private drop(): void {
    const socket = this.socket;
    this.socket = undefined;
    socket?.close();
  }
}

function connect(socket: Socket, port: number, address: string): Promise<void> {
  return new Promise((resolve, reject) => {
    // The types do not say that it is called with an error too.
    const done = (error?: Error): void => (error ? reject(error) : resolve());
    socket.connect(port, address, done);
  });
}

function send(socket: Socket, message: string): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.send(Buffer.from(message), (error) => (error ? reject(error) : resolve()));
  });
}
