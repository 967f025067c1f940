import { createServer, type Server as NetServer, type Socket } from 'node:net';
import { userInfo } from 'node:os';
import { ServerCredentials, type Server } from '@grpc/grpc-js';
import type { Logger } from '../../shared/log.js';
import type { PeerReader } from './peer.js';
import { LocalSocketError, lockPlace, preparePlace } from './socket-place.js';

/** Local administrators type commands; more at once is somebody's mistake. */
const MOST_CONNECTIONS = 16;

export interface ControlSocketParts {
  readonly path: string;
  readonly log: Logger;
  readonly readPeer: PeerReader;
  /** Makes the service for callers of one user. */
  readonly serve: (caller: string) => Server;
}

/**
 * The unix socket of LocalService. Who calls is what the kernel says (SO_PEERCRED), whatever the permissions of the file
 * became: root, or the user that the agent runs as where that is not root.
 */
export class ControlSocket {
  private readonly sockets = new Set<Socket>();
  /** A call is known by the server that it came to. At most two: root and the agent's own user. */
  private readonly servers = new Map<number, { server: Server; inject: (socket: Socket) => void }>();

  private constructor(
    private readonly listener: NetServer,
    private readonly parts: ControlSocketParts,
  ) {
    listener.maxConnections = MOST_CONNECTIONS;
    listener.on('connection', (socket) => this.accept(socket));
    // Without a listener a connection that cannot be taken would end the agent.
    listener.on('error', (error) => parts.log.warn({ err: error }, 'a local connection could not be taken'));
    listener.on('drop', () => parts.log.warn('refused a local connection: too many are open'));
  }

  /** @throws LocalSocketError that names the path and says what to do */
  static async open(parts: ControlSocketParts): Promise<ControlSocket> {
    await preparePlace(parts.path);
    const listener = createServer();
    const socket = new ControlSocket(listener, parts);
    await listen(listener, parts.path);
    lockPlace(parts.path);
    return socket;
  }

  /** Ends every connection and removes the socket. */
  close(): void {
    this.listener.close();
    for (const socket of this.sockets) socket.destroy();
    for (const { server } of this.servers.values()) server.forceShutdown();
  }

  private accept(socket: Socket): void {
    const { log, readPeer } = this.parts;
    socket.on('error', (error) => log.debug({ err: error }, 'a local connection broke'));
    const peer = readPeer(socket);
    if (!peer || !isAdministrator(peer.uid)) {
      log.warn({ peer }, 'refused a local connection: only root may use the control socket');
      socket.destroy();
      return;
    }
    this.sockets.add(socket);
    socket.once('close', () => this.sockets.delete(socket));
    this.serverFor(peer.uid).inject(socket);
  }

  private serverFor(uid: number): { inject: (socket: Socket) => void } {
    const known = this.servers.get(uid);
    if (known) return known;
    const server = this.parts.serve(nameOf(uid));
    const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
    const made = { server, inject: (socket: Socket) => injector.injectConnection(socket) };
    this.servers.set(uid, made);
    return made;
  }
}

function isAdministrator(uid: number): boolean {
  return uid === 0 || uid === process.getuid?.();
}

function nameOf(uid: number): string {
  return uid === 0 ? 'root' : userInfo().username;
}

function listen(listener: NetServer, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    listener.once('error', (error: NodeJS.ErrnoException) =>
      reject(new LocalSocketError(`${path}: cannot listen (${error.code ?? error.message})`)),
    );
    listener.listen(path, resolve);
  });
}
