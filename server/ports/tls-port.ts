import type { AddressInfo, Socket } from 'node:net';
import { createServer, type Server as TlsServer, type TLSSocket } from 'node:tls';
import { ServerCredentials, type Server } from '@grpc/grpc-js';
import { ConfigError } from '../../shared/config/load.js';
import type { Logger } from '../../shared/log.js';
import { formatAddress, parseListenAddress, type ListenAddress } from '../listen-address.js';
import type { TlsIdentity } from './tls-identity.js';

/** A peer that opens a connection and says nothing is let go. */
const HANDSHAKE_TIMEOUT_MS = 10_000;

export interface TlsPortOptions {
  /** Setting that the address comes from, for error messages. */
  readonly key: 'agent_listen' | 'management_listen';
  /** `[::]:7443` listens on every address of both families. */
  readonly address: string;
  readonly identity: TlsIdentity;
  /** Only clients with a certificate of our CA get in. */
  readonly clientCertificates: 'required' | 'none';
  readonly log: Logger;
}

/**
 * TLS 1.3 in front of a gRPC server. grpc-js keeps what goes wrong in a handshake to itself, so the handshake is made
 * here: every refused peer is logged with the reason, and the certificate can be exchanged while the port is open.
 */
export class TlsPort {
  private readonly sockets = new Set<Socket>();

  private constructor(
    private readonly tls: TlsServer,
    private readonly inject: (connection: TLSSocket) => void,
    private readonly options: TlsPortOptions,
  ) {
    tls.on('connection', (socket: Socket) => this.track(socket));
    tls.on('secureConnection', (socket) => this.accept(socket));
    tls.on('tlsClientError', (error, socket) => this.broken(error, socket));
  }

  /**
   * Listens, and hands every accepted connection to `server`.
   * @throws ConfigError that names the setting when the address cannot be used
   */
  static async open(server: Server, options: TlsPortOptions): Promise<TlsPort> {
    const tls = createServer({
      ...contextOf(options.identity),
      ALPNProtocols: ['h2'],
      minVersion: 'TLSv1.3',
      handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
      requestCert: options.clientCertificates === 'required',
      // Checked in `accept`: TLS itself would drop the connection without telling why.
      rejectUnauthorized: false,
      noDelay: true,
    });
    const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
    const port = new TlsPort(tls, (connection) => injector.injectConnection(connection), options);
    const address = parseListenAddress(options.address);
    if (!address) throw new ConfigError(`${options.key}: ${options.address} is not ADDRESS:PORT`);
    await listen(tls, address, options);
    return port;
  }

  /** The port number, also when the system chose it. */
  get number(): number {
    return (this.tls.address() as AddressInfo).port;
  }

  rotate(identity: TlsIdentity): void {
    this.tls.setSecureContext(contextOf(identity));
  }

  /** No new connections; open ones stay. */
  stopAccepting(): void {
    if (this.tls.listening) this.tls.close();
  }

  /** Cuts what is still open. */
  close(): void {
    this.stopAccepting();
    for (const socket of this.sockets) socket.destroy();
  }

  private track(socket: Socket): void {
    this.sockets.add(socket);
    socket.once('close', () => this.sockets.delete(socket));
  }

  private accept(socket: TLSSocket): void {
    // A peer that breaks the connection is no reason to end the process (nodejs/node #35824).
    socket.on('error', (error) => this.options.log.debug({ err: error }, 'a connection broke'));
    if (this.options.clientCertificates === 'required' && !socket.authorized) {
      this.refused(socket, certificateRefusal(socket));
      socket.destroy();
    } else if (socket.alpnProtocol !== 'h2') {
      this.refused(socket, 'it does not speak HTTP/2');
      socket.destroy();
    } else {
      this.inject(socket);
    }
  }

  /** Agents prove that the server is reachable with a connection that says nothing: who just leaves was not refused. */
  private broken(error: NodeJS.ErrnoException, socket: TLSSocket): void {
    if (error.code === 'ECONNRESET')
      this.options.log.debug({ err: error }, 'it left before the TLS handshake');
    else this.refused(socket, reasonOf(error));
  }

  private refused(socket: TLSSocket, reason: string): void {
    const { remoteAddress, remotePort } = socket;
    const peer = remoteAddress === undefined ? 'gone' : formatAddress(remoteAddress, remotePort ?? 0);
    this.options.log.warn({ port: this.options.key, peer, reason }, `refused a connection: ${reason}`);
  }
}

function contextOf({ certificateChainPem, keyPem, caPem }: TlsIdentity): {
  cert: string;
  key: string;
  ca: string;
} {
  return { cert: certificateChainPem, key: keyPem, ca: caPem };
}

/** Why a client's certificate is not good enough, in words; OpenSSL's own are for the rest. */
function certificateRefusal(socket: TLSSocket): string {
  const certificate = socket.getPeerCertificate();
  // Absent when the peer sent none: Node gives an empty object then.
  const subject = (certificate as Partial<typeof certificate>).subject;
  if (!subject) return 'no client certificate';
  const code = String(socket.authorizationError);
  const name = `client certificate of ${[subject.CN].flat().join(', ')}`;
  switch (code) {
    case 'CERT_HAS_EXPIRED':
      return `${name} has expired (${certificate.valid_to})`;
    case 'CERT_NOT_YET_VALID':
      return `${name} is not valid before ${certificate.valid_from}: check the clocks`;
    case 'UNABLE_TO_GET_ISSUER_CERT':
    case 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY':
    case 'UNABLE_TO_VERIFY_LEAF_SIGNATURE':
    case 'SELF_SIGNED_CERT_IN_CHAIN':
    case 'DEPTH_ZERO_SELF_SIGNED_CERT':
    case 'CERT_SIGNATURE_FAILURE':
      return `${name} is from another CA (${[certificate.issuer.CN].flat().join(', ')})`;
    default:
      return `${name} was not accepted (${code})`;
  }
}

function reasonOf(error: NodeJS.ErrnoException): string {
  switch (error.code) {
    case 'ERR_TLS_HANDSHAKE_TIMEOUT':
      return `no TLS handshake within ${HANDSHAKE_TIMEOUT_MS / 1000} s`;
    case undefined:
      return error.message;
    default:
      return `TLS handshake failed: ${error.code}`;
  }
}

async function listen(tls: TlsServer, address: ListenAddress, options: TlsPortOptions): Promise<void> {
  try {
    await listenOn(tls, address);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // A machine without IPv6 still has every address of IPv4.
    if (code === 'EAFNOSUPPORT' && address.host === '::') {
      return listen(tls, { host: '0.0.0.0', port: address.port }, options);
    }
    throw new ConfigError(`${options.key}: ${formatAddress(address.host, address.port)}: ${problem(code)}`);
  }
}

function listenOn(tls: TlsServer, { host, port }: ListenAddress): Promise<void> {
  return new Promise((resolve, reject) => {
    tls.once('error', reject);
    tls.listen({ host, port, ipv6Only: false, backlog: 4096 }, () => {
      tls.off('error', reject);
      resolve();
    });
  });
}

function problem(code: string | undefined): string {
  switch (code) {
    case 'EADDRINUSE':
      return 'the port is in use by another program; choose another port or stop that program';
    case 'EACCES':
      return 'not allowed to use this port; choose one above 1023 or run as root';
    case 'EADDRNOTAVAIL':
      return 'this machine does not have that address';
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return 'that name has no address';
    default:
      return `cannot listen (${code ?? 'unknown error'})`;
  }
}
