import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { readFrames, readSyslog } from '../unit/shared/siem/rfc5424.js';
import type { TestIdentity } from './test-ca.js';

const sequenceOf = (message: Buffer): number =>
  Number(readSyslog(message).data.get('cordon@32473')?.get('sequence'));

/** A real receiver of syslog over TCP or TLS on the loopback address: what it has read whole counts as received. */
export class StreamReceiver {
  /** Numbers of the events, as they came. */
  readonly sequences: number[] = [];
  private server: Server | undefined;
  private readonly sockets = new Set<Socket>();
  private readsNothing = false;

  private constructor(
    private readonly identity: TestIdentity | undefined,
    public port: number,
  ) {}

  /** @param identity with it: TLS */
  static async open(identity?: TestIdentity): Promise<StreamReceiver> {
    const receiver = new StreamReceiver(identity, 0);
    await receiver.start();
    return receiver;
  }

  /** Listens, at the same port as before. */
  async start(): Promise<void> {
    const accept = (socket: Socket): void => this.accept(socket);
    const server = this.identity
      ? createTlsServer({ cert: this.identity.chainPem, key: this.identity.keyPem }, accept)
      : createServer(accept);
    // A sender that does not trust the certificate.
    server.on('tlsClientError', () => undefined);
    this.server = server;
    await new Promise<void>((resolve) => server.listen(this.port, '127.0.0.1', resolve));
    this.port = (server.address() as AddressInfo).port;
  }

  /** Stops as a program that is killed: what it has not read is lost. */
  async stop(): Promise<void> {
    for (const socket of this.sockets) {
      if (this.identity) socket.destroy();
      else socket.resetAndDestroy();
    }
    const { server } = this;
    if (server) await new Promise((resolve) => server.close(resolve));
    this.server = undefined;
  }

  /** Reads nothing from now on. */
  stall(): void {
    this.readsNothing = true;
    for (const socket of this.sockets) socket.pause();
  }

  private accept(socket: Socket): void {
    this.sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => this.sockets.delete(socket));
    if (this.readsNothing) return;
    let left = Buffer.alloc(0);
    socket.on('data', (bytes: Buffer) => {
      const { messages, rest } = readFrames(Buffer.concat([left, bytes]));
      left = Buffer.from(rest);
      this.sequences.push(...messages.map(sequenceOf));
    });
  }
}

/** The same for datagrams. */
export class DatagramReceiver {
  readonly sequences: number[] = [];
  private socket: UdpSocket | undefined;
  port = 0;

  static async open(): Promise<DatagramReceiver> {
    const receiver = new DatagramReceiver();
    await receiver.start();
    return receiver;
  }

  async start(): Promise<void> {
    const socket = createSocket('udp4');
    socket.on('message', (message) => this.sequences.push(sequenceOf(message)));
    this.socket = socket;
    await new Promise<void>((resolve) => socket.bind(this.port, '127.0.0.1', resolve));
    this.port = socket.address().port;
  }

  async stop(): Promise<void> {
    const { socket } = this;
    if (socket) await new Promise<void>((resolve) => socket.close(() => resolve()));
    this.socket = undefined;
  }
}
