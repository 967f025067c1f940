import * as x509 from '../../shared/tls/x509.js';

import { webcrypto } from 'node:crypto';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256' } as const;
const SIGNING = { name: 'ECDSA', hash: 'SHA-256' } as const;

x509.cryptoProvider.set(webcrypto);

/** A key and what proves it, as the streams of a benchmark need them. PEM. */
export interface Credentials {
  readonly id: string;
  readonly key: string;
  readonly certificate: string;
}

export interface KeyAndRequest {
  readonly keyPem: string;
  readonly csr: Buffer;
}

/** A fresh P-256 key and a certificate request for `uri`. */
export async function keyAndRequest(uri: string): Promise<KeyAndRequest> {
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    name: 'CN=bench',
    keys,
    signingAlgorithm: SIGNING,
    extensions: [new x509.SubjectAlternativeNameExtension([{ type: 'url', value: uri }])],
  });
  const pkcs8 = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey);
  return {
    keyPem: x509.PemConverter.encode(pkcs8, 'PRIVATE KEY'),
    csr: Buffer.from(request.rawData),
  };
}
