import { connect } from 'node:tls';
import type { PeerCertificate, DetailedPeerCertificate } from 'node:tls';
import { fingerprint } from './fingerprint.js';
import { SERVER_TLS_NAME } from './server-name.js';

/**
 * Finds the CA certificate that a server presents and that has the pinned fingerprint. Nothing is sent but the TLS
 * handshake, and nothing is trusted: the caller makes a new, verified connection with what this returns.
 * @param pinned SHA-256 of the CA certificate, 64 hex digits
 * @param timeoutMs limit on the whole handshake
 * @returns DER of the CA certificate
 * @throws Error that says what the server showed instead, or the error of the connection with its `code`
 */
export function fetchCaCertificate(
  host: string,
  port: number,
  pinned: string,
  timeoutMs: number,
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = connect({
      host,
      port,
      // The chain is compared with the pinned fingerprint below; that is the verification.
      rejectUnauthorized: false,
      ALPNProtocols: ['h2'],
      servername: SERVER_TLS_NAME,
    });
    const fail = (message: string): void => {
      socket.destroy();
      reject(new Error(message));
    };
    socket.setTimeout(timeoutMs, () =>
      fail(`${host}:${port} did not finish a TLS handshake in ${timeoutMs / 1000} s`),
    );
    socket.once('error', reject);
    socket.once('secureConnect', () => {
      const chain = presentedChain(socket.getPeerCertificate(true));
      socket.destroy();
      const found = chain.find((der) => fingerprint(der) === pinned);
      if (found) return resolve(found);
      const last = chain.at(-1);
      const shown = last ? `ends in ${fingerprint(last)}` : 'is empty';
      fail(`the certificate chain of ${host}:${port} does not contain the pinned CA ${pinned}; it ${shown}`);
    });
  });
}

function presentedChain(first: DetailedPeerCertificate | PeerCertificate): Buffer[] {
  const chain: Buffer[] = [];
  let current: DetailedPeerCertificate | undefined = 'issuerCertificate' in first ? first : undefined;
  while (current?.raw && chain.length < 8) {
    chain.push(current.raw);
    const issuer: DetailedPeerCertificate | undefined = current.issuerCertificate;
    current = issuer === current ? undefined : issuer;
  }
  return chain;
}
