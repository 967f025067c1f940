import { createPrivateKey, webcrypto } from 'node:crypto';
import * as x509 from '../../shared/tls/x509.js';
import { toPem } from '../../shared/tls/pem.js';

x509.cryptoProvider.set(webcrypto);

/** The one kind of key in Cordon. */
export const P256 = { name: 'ECDSA', namedCurve: 'P-256' } as const;
export const SIGNING = { name: 'ECDSA', hash: 'SHA-256' } as const;

/** PKCS#8 as PEM. */
export async function exportPrivateKey(key: webcrypto.CryptoKey): Promise<string> {
  return toPem('PRIVATE KEY', Buffer.from(await webcrypto.subtle.exportKey('pkcs8', key)));
}

/** @throws Error that names the file if `pem` is not a P-256 key */
export async function importPrivateKey(pem: string, file: string): Promise<webcrypto.CryptoKey> {
  try {
    const der = createPrivateKey(pem).export({ format: 'der', type: 'pkcs8' });
    return await webcrypto.subtle.importKey('pkcs8', der, P256, false, ['sign']);
  } catch (error) {
    throw new Error(`${file} is not a P-256 private key: restore it from a backup`, { cause: error });
  }
}
