import type { Server } from '@grpc/grpc-js';
import type { Clock } from '../../shared/clock.js';
import type { Logger } from '../../shared/log.js';

/** Local administrators type commands; more at once is somebody's mistake. */
export const MOST_CONNECTIONS = 16;

/** Where local administrators reach LocalService: a unix socket, or a named pipe on Windows. Each lets nobody else in. */
export interface LocalListener {
  /** Whether it can still be reached; it is opened again where it cannot. */
  readonly present: boolean;
  /** Ends every connection. Resolves when the place is free for another one. */
  close(): Promise<void>;
}

export interface ListenerParts {
  /** Path of the socket or name of the pipe. */
  readonly path: string;
  readonly clock: Clock;
  readonly log: Logger;
  /** Makes the service for the connections of one user. */
  readonly serve: (caller: string) => Server;
}

/** The local control socket or pipe cannot be used. The message names it and says what to do. */
export class LocalSocketError extends Error {
  override readonly name = 'LocalSocketError';
}
