import { createPrivateKey, createPublicKey, generateKeyPairSync, webcrypto } from 'node:crypto';
import * as x509 from '../../shared/tls/x509.js';
import { deviceUri } from '../../shared/ids.js';

const P256 = { name: 'ECDSA', namedCurve: 'P-256' } as const;

/** A new P-256 key, PKCS#8 DER. */
export function newPrivateKey(): Buffer {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return privateKey.export({ type: 'pkcs8', format: 'der' });
}

/** A certificate signing request for a device, PKCS#10 DER, signed by its own key. */
export async function makeCsr(deviceId: string, privateKey: Buffer): Promise<Buffer> {
  const publicDer = createPublicKey(
    createPrivateKey({ key: privateKey, format: 'der', type: 'pkcs8' }),
  ).export({
    type: 'spki',
    format: 'der',
  });
  const keys = {
    privateKey: await webcrypto.subtle.importKey('pkcs8', privateKey, P256, false, ['sign']),
    publicKey: await webcrypto.subtle.importKey('spki', publicDer, P256, true, ['verify']),
  };
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    name: `CN=${deviceId}`,
    keys,
    signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' },
    extensions: [new x509.SubjectAlternativeNameExtension([{ type: 'url', value: deviceUri(deviceId) }])],
  });
  return Buffer.from(request.rawData);
}
