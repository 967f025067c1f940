import { createHash } from 'node:crypto';

/** SHA-256 of a certificate's DER, 64 lower-case hex digits. */
export function fingerprint(certificateDer: Uint8Array): string {
  return createHash('sha256').update(certificateDer).digest('hex');
}

/** Reads a fingerprint as people paste it: colons, spaces, upper case and a `sha256:` prefix are fine. Undefined if it is none. */
export function parseFingerprint(text: string): string | undefined {
  const digits = text
    .toLowerCase()
    .replace(/^sha-?256[:=]/, '')
    .replace(/[:\s]/g, '');
  return /^[0-9a-f]{64}$/.test(digits) ? digits : undefined;
}
