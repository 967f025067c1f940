import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** Addresses of this computer that no packet leaves it for. */
export const LOOPBACK = { 4: '127.0.0.1', 6: '::1' } as const;
export type Family = keyof typeof LOOPBACK;
export const FAMILIES: readonly Family[] = [4, 6];

/** How long nothing must happen before that counts as silence, milliseconds. Loopback answers within one. */
const SILENCE_MS = 1_500;

/** What a program that connects sees. */
export type Attempt =
  | { readonly kind: 'connected' }
  /** Code of Node, EACCES for example. */
  | { readonly kind: 'failed'; readonly code: string }
  /** Neither an answer nor an error. */
  | { readonly kind: 'silent' };

export function inWords(attempt: Attempt): string {
  switch (attempt.kind) {
    case 'connected':
      return 'it connects';
    case 'failed':
      return `it fails with ${attempt.code}`;
    case 'silent':
      return `there is no answer for ${SILENCE_MS / 1000} s`;
  }
}

/** A listening TCP socket of this process on a port that was free. */
export class Listener {
  private readonly served: Socket[] = [];

  private constructor(
    readonly family: Family,
    private readonly server: Server,
  ) {
    server.on('connection', (socket) => {
      socket.on('error', () => undefined);
      this.served.push(socket);
    });
  }

  /** @throws the error of the system, EADDRNOTAVAIL where the computer has no such loopback address */
  static async open(family: Family): Promise<Listener> {
    const server = createServer();
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(0, LOOPBACK[family], resolve);
    });
    return new Listener(family, server);
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  /** Connects and hangs up. */
  async attempt(): Promise<Attempt> {
    const { attempt, socket } = await this.connect();
    socket.destroy();
    return attempt;
  }

  /** Both ends of one established connection. @throws Error where it cannot be made */
  async pair(): Promise<{ readonly client: Socket; readonly server: Socket }> {
    const accepted = new Promise<Socket>((resolve) => this.server.once('connection', resolve));
    const { attempt, socket } = await this.connect();
    if (attempt.kind !== 'connected') {
      throw new Error(`a connection to ${LOOPBACK[this.family]} cannot be made: ${inWords(attempt)}`);
    }
    return { client: socket, server: await accepted };
  }

  close(): void {
    for (const socket of this.served) socket.destroy();
    this.server.close();
  }

  private connect(): Promise<{ readonly attempt: Attempt; readonly socket: Socket }> {
    const socket = connect(this.port, LOOPBACK[this.family]);
    return new Promise((resolve) => {
      const timer = setTimeout(() => end({ kind: 'silent' }), SILENCE_MS);
      const end = (attempt: Attempt): void => {
        clearTimeout(timer);
        resolve({ attempt, socket });
      };
      socket.once('connect', () => end({ kind: 'connected' }));
      socket.on('error', (error: NodeJS.ErrnoException) =>
        end({ kind: 'failed', code: error.code ?? error.message }),
      );
    });
  }
}

/** Whether bytes that one end writes now reach the other one. */
export function arrives(from: Socket, to: Socket): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => end(false), SILENCE_MS);
    const onData = (): void => end(true);
    const end = (answer: boolean): void => {
      clearTimeout(timer);
      to.off('data', onData);
      resolve(answer);
    };
    to.on('data', onData);
    from.write('?');
  });
}

/** Whether a socket ends within the time that a reset on the same computer needs. */
export function ends(socket: Socket): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), SILENCE_MS);
    socket.once('close', () => {
      clearTimeout(timer);
      resolve(true);
    });
    socket.resume();
  });
}
