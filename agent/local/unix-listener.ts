import { existsSync } from 'node:fs';
import { createServer, type Server as NetServer, type Socket } from 'node:net';
import { userInfo } from 'node:os';
import { Callers } from './callers.js';
import { LocalSocketError, MOST_CONNECTIONS, type ListenerParts, type LocalListener } from './listener.js';
import { peerReader, type PeerReader } from './peer.js';
import { lockPlace, preparePlace } from './socket-place.js';

/**
 * The unix socket of LocalService. Who calls is what the kernel says (SO_PEERCRED), whatever the permissions of the file
 * became: root, or the user that the agent runs as where that is not root.
 */
export class UnixListener implements LocalListener {
  private readonly callers: Callers;

  private constructor(
    private readonly listener: NetServer,
    private readonly parts: ListenerParts,
    private readonly readPeer: PeerReader,
  ) {
    this.callers = new Callers(parts.serve);
    listener.maxConnections = MOST_CONNECTIONS;
    listener.on('connection', (socket) => this.accept(socket));
    // Without a listener a connection that cannot be taken would end the agent.
    listener.on('error', (error) => parts.log.warn({ err: error }, 'a local connection could not be taken'));
    listener.on('drop', () => parts.log.warn('refused a local connection: too many are open'));
  }

  /** @throws LocalSocketError that names the path and says what to do */
  static async open(parts: ListenerParts): Promise<UnixListener> {
    const readPeer = await peerReader();
    await preparePlace(parts.path);
    const listener = createServer();
    const opened = new UnixListener(listener, parts, readPeer);
    await listen(listener, parts.path);
    lockPlace(parts.path);
    return opened;
  }

  get present(): boolean {
    return existsSync(this.parts.path);
  }

  /** Removes the socket, too. */
  close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.listener.close(() => resolve()));
    this.callers.close();
    return closed;
  }

  private accept(socket: Socket): void {
    const { log } = this.parts;
    socket.on('error', (error) => log.debug({ err: error }, 'a local connection broke'));
    const peer = this.readPeer(socket);
    if (!peer || !isAdministrator(peer.uid)) {
      log.warn({ peer }, 'refused a local connection: only root may use the control socket');
      socket.destroy();
      return;
    }
    this.callers.connect(nameOf(peer.uid), socket);
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
