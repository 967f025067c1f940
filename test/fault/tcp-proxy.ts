import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

interface Pair {
  readonly client: Socket;
  readonly target: Socket;
}

/** Sits between an agent and the server and breaks the connection in the ways that networks do. */
export class TcpProxy {
  private readonly pairs = new Set<Pair>();
  private readonly timers = new Set<NodeJS.Timeout>();
  private delayMs = 0;
  private silent = false;
  private refusing = false;
  /** Connections taken so far. */
  accepted = 0;

  private constructor(
    private readonly server: Server,
    private readonly targetPort: number,
  ) {
    server.on('connection', (client) => this.take(client));
  }

  /** Listens on a free port of 127.0.0.1 and forwards to `targetPort` there. */
  static async open(targetPort: number): Promise<TcpProxy> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new TcpProxy(server, targetPort);
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  /** Ends every connection at once, on both sides. */
  cut(): void {
    for (const { client, target } of this.pairs) {
      client.destroy();
      target.destroy();
    }
  }

  /** Connections stay open on both sides and carry nothing, new ones included, until `speak`. */
  hush(): void {
    this.silent = true;
    for (const pair of this.pairs) this.pauseOrResume(pair);
  }

  /** Carries again what has waited. */
  speak(): void {
    this.silent = false;
    for (const pair of this.pairs) this.pauseOrResume(pair);
  }

  /** The server's side is gone; the agent's side stays open and is never answered again. */
  halfOpen(): void {
    for (const pair of this.pairs) {
      pair.client.unpipe();
      pair.client.removeAllListeners('close');
      pair.client.removeAllListeners('data');
      pair.client.on('data', () => undefined);
      pair.target.removeAllListeners('close');
      pair.target.destroy();
      pair.client.on('close', () => this.pairs.delete(pair));
    }
  }

  /** Every byte takes this much longer, milliseconds, in both directions. */
  delay(ms: number): void {
    this.delayMs = ms;
  }

  /** New connections are closed at once until called with false. */
  refuse(refusing: boolean): void {
    this.refusing = refusing;
  }

  async close(): Promise<void> {
    this.cut();
    for (const timer of this.timers) clearTimeout(timer);
    await new Promise((resolve) => this.server.close(resolve));
  }

  private take(client: Socket): void {
    this.accepted++;
    client.on('error', () => undefined);
    if (this.refusing) {
      client.destroy();
      return;
    }
    const target = connect(this.targetPort, '127.0.0.1');
    target.on('error', () => client.destroy());
    const pair = { client, target };
    this.pairs.add(pair);
    this.forward(client, target);
    this.forward(target, client);
    client.on('close', () => {
      this.pairs.delete(pair);
      target.destroy();
    });
    target.on('close', () => client.destroy());
    this.pauseOrResume(pair);
  }

  private forward(from: Socket, to: Socket): void {
    from.on('data', (bytes) => {
      if (this.delayMs === 0) {
        to.write(bytes);
        return;
      }
      const timer = setTimeout(() => {
        this.timers.delete(timer);
        if (!to.destroyed) to.write(bytes);
      }, this.delayMs);
      this.timers.add(timer);
    });
  }

  private pauseOrResume({ client, target }: Pair): void {
    for (const socket of [client, target]) {
      if (this.silent) socket.pause();
      else socket.resume();
    }
  }
}
