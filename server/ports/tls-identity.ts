/** What a TLS port shows and whom it trusts. */
export interface TlsIdentity {
  /** The server's certificate followed by its CA's. */
  readonly certificateChainPem: string;
  readonly keyPem: string;
  /** CA of the clients' certificates. */
  readonly caPem: string;
}
