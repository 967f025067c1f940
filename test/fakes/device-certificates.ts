import { webcrypto } from 'node:crypto';
import * as x509 from '../../shared/tls/x509.js';

const P256 = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };

/** Signs what devices ask for, as a server would, for as long as a test says. */
export class DeviceCa {
  private constructor(
    private readonly keys: webcrypto.CryptoKeyPair,
    readonly certificate: Buffer,
  ) {}

  static async make(): Promise<DeviceCa> {
    const keys = await webcrypto.subtle.generateKey(P256, true, ['sign', 'verify']);
    const ca = await x509.X509CertificateGenerator.createSelfSigned({
      name: 'CN=Device CA',
      keys,
      signingAlgorithm: P256,
      extensions: [new x509.BasicConstraintsExtension(true, 0, true)],
    });
    return new DeviceCa(keys, Buffer.from(ca.rawData));
  }

  async issue(csr: Buffer, notBefore: number, notAfter: number): Promise<Buffer> {
    const request = new x509.Pkcs10CertificateRequest(csr);
    const certificate = await x509.X509CertificateGenerator.create({
      subject: request.subject,
      issuer: 'CN=Device CA',
      publicKey: request.publicKey,
      signingKey: this.keys.privateKey,
      signingAlgorithm: P256,
      notBefore: new Date(notBefore),
      notAfter: new Date(notAfter),
      extensions: request.extensions.filter(({ type }) => type === '2.5.29.17'),
    });
    return Buffer.from(certificate.rawData);
  }
}
