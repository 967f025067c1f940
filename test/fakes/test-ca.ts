// The certificate library needs it, and needs it first.
import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import { fingerprint } from '../../shared/tls/fingerprint.js';
import { SERVER_TLS_NAME } from '../../shared/tls/server-name.js';
import { toPem } from '../../shared/tls/pem.js';

const P256 = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const DAY_MS = 86_400_000;

/** What a TLS server of a test needs. */
export interface TestIdentity {
  readonly caPem: string;
  readonly caFingerprint: string;
  /** Certificate of the server followed by its CA. */
  readonly chainPem: string;
  readonly keyPem: string;
}

/** A fresh CA and a server certificate, by default with the fixed name of Cordon servers. */
export async function makeTestIdentity(name = SERVER_TLS_NAME): Promise<TestIdentity> {
  x509.cryptoProvider.set(webcrypto);
  const validity = { notBefore: new Date(Date.now() - DAY_MS), notAfter: new Date(Date.now() + DAY_MS) };
  const caKeys = await webcrypto.subtle.generateKey(P256, true, ['sign', 'verify']);
  const ca = await x509.X509CertificateGenerator.createSelfSigned({
    name: 'CN=Test CA',
    keys: caKeys,
    signingAlgorithm: P256,
    ...validity,
    extensions: [new x509.BasicConstraintsExtension(true, 0, true)],
  });
  const keys = await webcrypto.subtle.generateKey(P256, true, ['sign', 'verify']);
  const server = await x509.X509CertificateGenerator.create({
    subject: 'CN=Test server',
    issuer: ca.subject,
    publicKey: keys.publicKey,
    signingKey: caKeys.privateKey,
    signingAlgorithm: P256,
    ...validity,
    extensions: [new x509.SubjectAlternativeNameExtension([{ type: 'dns', value: name }])],
  });
  const caDer = Buffer.from(ca.rawData);
  const caPem = toPem('CERTIFICATE', caDer);
  return {
    caPem,
    caFingerprint: fingerprint(caDer),
    chainPem: toPem('CERTIFICATE', Buffer.from(server.rawData)) + caPem,
    keyPem: toPem('PRIVATE KEY', Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey))),
  };
}
