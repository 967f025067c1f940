import { webcrypto } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CertificateAuthority, type Issued } from '../../server/identity/ca.js';
import { deviceUri, newId } from '../../shared/ids.js';
import { toPem } from '../../shared/tls/pem.js';
import * as x509 from '../../shared/tls/x509.js';

/** A kind of key that a request may come with. */
export type KeyKind = 'P-256' | 'P-384' | 'RSA';

/** A key pair and its certificate, PEM. */
export interface TlsPair {
  readonly key: string;
  readonly certificate: string;
}

export async function makeKeys(kind: KeyKind): Promise<webcrypto.CryptoKeyPair> {
  if (kind === 'RSA') {
    const rsa = {
      name: 'RSASSA-PKCS1-v1_5',
      hash: 'SHA-256',
      modulusLength: 2048,
      publicExponent: new Uint8Array([1, 0, 1]),
    };
    return webcrypto.subtle.generateKey(rsa, true, ['sign', 'verify']);
  }
  return webcrypto.subtle.generateKey({ name: 'ECDSA', namedCurve: kind }, true, ['sign', 'verify']);
}

/** A PKCS#10 request for these device ids; more than one is what no agent would send. */
export async function makeCsr(
  keys: webcrypto.CryptoKeyPair,
  ...deviceIds: readonly string[]
): Promise<Buffer> {
  const names = deviceIds.map((id) => ({ type: 'url' as const, value: deviceUri(id) }));
  const rsa = keys.privateKey.algorithm.name !== 'ECDSA';
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    name: 'CN=test',
    keys,
    signingAlgorithm: rsa ? { name: 'RSASSA-PKCS1-v1_5' } : { name: 'ECDSA', hash: 'SHA-256' },
    extensions: [new x509.SubjectAlternativeNameExtension(names)],
  });
  return Buffer.from(request.rawData);
}

/** A certificate that the CA of a data folder has signed, but that its server did not put on record. */
export async function issueUnrecorded(
  folder: string,
  issue: (ca: CertificateAuthority, keys: webcrypto.CryptoKeyPair) => Promise<Issued>,
): Promise<TlsPair> {
  const ca = await CertificateAuthority.open(folder, Date.now());
  const keys = await makeKeys('P-256');
  const { der } = await issue(ca, keys);
  const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey));
  return { key: toPem('PRIVATE KEY', pkcs8), certificate: toPem('CERTIFICATE', der) };
}

/** A certificate for a device, valid for `days` from `fromMs` (milliseconds since 1970). */
export function issueDevice(
  folder: string,
  deviceId: string,
  days: number,
  fromMs: number,
): Promise<TlsPair> {
  return issueUnrecorded(folder, async (ca, keys) =>
    ca.issueDevice(deviceId, await x509.PublicKey.create(keys.publicKey), { days, now: fromMs }),
  );
}

/** A certificate for a device from a CA that nobody knows. */
export async function issueByAnotherCa(deviceId: string): Promise<TlsPair> {
  const folder = mkdtempSync(join(tmpdir(), 'cordon-other-ca-'));
  try {
    return await issueDevice(folder, deviceId, 30, Date.now());
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** A request whose signature was made for other contents. */
export async function forgedCsr(): Promise<Buffer> {
  const csr = Buffer.from(await makeCsr(await makeKeys('P-256'), newId()));
  const id = csr.indexOf('spiffe://cordon/device/') + 'spiffe://cordon/device/'.length;
  csr[id] = csr[id] === 0x30 ? 0x31 : 0x30;
  return csr;
}
