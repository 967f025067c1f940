import { connectivityState, credentials, status, type ClientDuplexStream } from '@grpc/grpc-js';
import { isIPv6 } from 'node:net';
import type { Observable } from 'rxjs';
import { Subject } from 'rxjs';
import { isServiceError, readServiceError } from '../../shared/errors.js';
import {
  AgentServiceClient,
  type ConnectRequest,
  type ConnectResponse,
} from '../../shared/gen/cordon/v1/agent_service.js';
import { toPem } from '../../shared/tls/pem.js';
import { SERVER_TLS_NAME } from '../../shared/tls/server-name.js';
import type { Endpoint } from '../enforce/plan.js';
import type { Credentials } from '../identity/files.js';
import { StreamError, type Transport } from './transport.js';

/** How an agent finds out that the other side is gone without a word. */
export interface GrpcOptions {
  /** Time between two HTTP/2 pings, milliseconds. */
  readonly keepaliveMs: number;
}

/** A connection that is not there after this is given up. */
const CONNECT_WITHIN_MS = 10_000;
const LARGEST_MESSAGE = 4 * 1024 * 1024;

/**
 * Opens a stream to one address of the server. The address is dialled as it is: no name is looked up, the certificate is
 * verified against SERVER_TLS_NAME. One channel lives exactly as long as its stream.
 * @throws StreamError where no connection can be made
 */
export async function dialGrpc(
  { address, port }: Endpoint,
  { privateKey, certificate, ca }: Credentials,
  { keepaliveMs }: GrpcOptions,
): Promise<Transport> {
  const target = isIPv6(address) ? `ipv6:[${address}]:${port}` : `ipv4:${address}:${port}`;
  const pem = (der: Uint8Array): string => toPem('CERTIFICATE', der);
  const tls = credentials.createSsl(
    Buffer.from(ca.map(pem).join('')),
    Buffer.from(toPem('PRIVATE KEY', privateKey)),
    Buffer.from(pem(certificate)),
  );
  const client = new AgentServiceClient(target, tls, {
    'grpc.ssl_target_name_override': SERVER_TLS_NAME,
    'grpc.default_authority': SERVER_TLS_NAME,
    'grpc.keepalive_time_ms': keepaliveMs,
    'grpc.keepalive_timeout_ms': Math.ceil(keepaliveMs / 2),
    'grpc.keepalive_permit_without_calls': 1,
    // The dial loop decides when to try again; the channel must neither buffer nor repeat (grpc/grpc-node#2371).
    'grpc.enable_retries': 0,
    'grpc.service_config_disable_resolution': 1,
    'grpc.use_local_subchannel_pool': 1,
    'grpc.initial_reconnect_backoff_ms': 600_000,
    'grpc.max_reconnect_backoff_ms': 600_000,
    'grpc.max_receive_message_length': LARGEST_MESSAGE,
    'grpc.enable_channelz': 0,
  });
  try {
    await ready(client);
  } catch (error) {
    client.close();
    throw new StreamError(
      `${address} port ${port}: ${(error as Error).message}`,
      error instanceof Refused,
      '',
    );
  }
  return new GrpcTransport(client);
}

/** Something answered the attempt to connect, with a refusal. TLS does not tell the client which. */
class Refused extends Error {
  override readonly name = 'Refused';
}

/**
 * Resolves when the TLS connection stands. The client's own `waitForReady` goes on waiting after the attempt has failed,
 * so a server that restarts would cost its whole deadline each time.
 */
function ready(client: AgentServiceClient): Promise<void> {
  const channel = client.getChannel();
  const deadline = Date.now() + CONNECT_WITHIN_MS;
  return new Promise((resolve, reject) => {
    const look = (late?: Error): void => {
      if (late) return reject(new Error(`no TLS connection within ${CONNECT_WITHIN_MS / 1000} s`));
      const state = channel.getConnectivityState(true);
      switch (state) {
        case connectivityState.READY:
          return resolve();
        case connectivityState.IDLE:
        case connectivityState.CONNECTING:
          return channel.watchConnectivityState(state, deadline, look);
        case connectivityState.TRANSIENT_FAILURE:
        case connectivityState.SHUTDOWN:
          return reject(
            new Refused('no TLS connection: nothing listens there, or a certificate was refused'),
          );
      }
    };
    look();
  });
}

class GrpcTransport implements Transport {
  readonly messages: Observable<ConnectResponse>;
  readonly drained = new Subject<void>();
  private readonly call: ClientDuplexStream<ConnectRequest, ConnectResponse>;

  constructor(client: AgentServiceClient) {
    const call = client.connect();
    this.call = call;
    const messages = new Subject<ConnectResponse>();
    this.messages = messages;
    const close = (): void => {
      this.drained.complete();
      client.close();
    };
    // Listeners in the same tick as the call: without a reader the client buffers without limit.
    call.on('data', (message: ConnectResponse) => messages.next(message));
    call.on('drain', () => this.drained.next());
    call.on('error', (error: Error) => {
      close();
      messages.error(toStreamError(error));
    });
    call.on('end', () => {
      close();
      messages.complete();
    });
  }

  send(message: ConnectRequest): boolean {
    return this.call.write(message);
  }

  finish(): void {
    this.call.end();
  }

  abort(): void {
    this.call.cancel();
  }
}

function toStreamError(error: Error): StreamError {
  if (!isServiceError(error)) return new StreamError(error.message, false, '');
  const { code, message, reason } = readServiceError(error);
  const refused = code === status.PERMISSION_DENIED || code === status.UNAUTHENTICATED;
  return new StreamError(`${status[code]}: ${message}`, refused, reason);
}
