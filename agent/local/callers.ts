import type { Duplex } from 'node:stream';
import { ServerCredentials, type Server } from '@grpc/grpc-js';

/** A call is known by the server that it came to: each user who is connected has one. */
export class Callers {
  private readonly servers = new Map<string, CallerServer>();

  constructor(private readonly serve: (caller: string) => Server) {}

  /** @param caller user at the other end, who was let in */
  connect(caller: string, connection: Duplex): void {
    const known = this.servers.get(caller) ?? new CallerServer(this.serve(caller));
    this.servers.set(caller, known);
    known.add(connection, () => this.servers.delete(caller));
  }

  /** Ends every connection. */
  close(): void {
    for (const server of this.servers.values()) server.close();
  }
}

class CallerServer {
  private readonly injector;
  private readonly open = new Set<Duplex>();

  constructor(private readonly server: Server) {
    this.injector = server.createConnectionInjector(ServerCredentials.createInsecure());
  }

  /** @param unused called when it has no connection left */
  add(connection: Duplex, unused: () => void): void {
    this.open.add(connection);
    connection.once('close', () => {
      this.open.delete(connection);
      if (this.open.size > 0) return;
      unused();
      this.server.forceShutdown();
    });
    this.injector.injectConnection(connection);
  }

  close(): void {
    for (const connection of this.open) connection.destroy();
    this.server.forceShutdown();
  }
}
