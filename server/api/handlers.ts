import type { Rpc } from './rpc.js';

/**
 * Handlers of one service by the name of the rpc as grpc-js writes it (`getDevice`). The service definition knows the
 * types of request and response, so a table of handlers does not repeat them.
 */
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type Handlers = Readonly<Record<string, Rpc<any, any>>>;
