import { X509Certificate, createHash } from 'node:crypto';

/** SHA-256 of a public key (SPKI, DER), hex: tells whether two requests come from the same key. */
export function keyHash(spkiDer: Uint8Array): string {
  return createHash('sha256').update(spkiDer).digest('hex');
}

/** Key hash of a certificate. Throws if `der` is not one. */
export function certificateKeyHash(der: Uint8Array): string {
  return keyHash(new X509Certificate(der).publicKey.export({ format: 'der', type: 'spki' }));
}
