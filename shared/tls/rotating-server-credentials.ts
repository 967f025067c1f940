import { ServerCredentials } from '@grpc/grpc-js';

/** What a TLS server shows and trusts. */
export interface TlsIdentity {
  /** The server's certificate followed by its CA's. */
  readonly certificateChainPem: string;
  readonly keyPem: string;
  /** CA of the clients' certificates. */
  readonly caPem: string;
}

/**
 * TLS 1.3 with the server's certificate, which can be exchanged while the port is open: new handshakes see the new one,
 * open connections stay. Clients need no certificate.
 */
export class RotatingServerCredentials extends ServerCredentials {
  constructor(identity: TlsIdentity) {
    super({ requestCert: false, minVersion: 'TLSv1.3' }, contextOf(identity));
  }

  rotate(identity: TlsIdentity): void {
    this.updateSecureContextOptions(contextOf(identity));
  }

  override _equals(other: ServerCredentials): boolean {
    return this === other;
  }
}

function contextOf(identity: TlsIdentity): { cert: string; key: string } {
  return { cert: identity.certificateChainPem, key: identity.keyPem };
}
