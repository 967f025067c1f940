import { existsSync, readFileSync } from 'node:fs';
import { randomBytes, webcrypto } from 'node:crypto';
import { isIP } from 'node:net';
import { hostname } from 'node:os';
import { join } from 'node:path';
import * as x509 from '../../shared/tls/x509.js';
import { deviceUri } from '../../shared/ids.js';
import { writeDurably } from '../../shared/durable-file.js';
import { fingerprint } from '../../shared/tls/fingerprint.js';
import { certificatesFromPem, toPem } from '../../shared/tls/pem.js';
import { P256, SIGNING, exportPrivateKey, importPrivateKey } from './keys.js';

const DAY_MS = 86_400_000;
const CA_DAYS = 3650;
/** Clocks of agents may be a little behind: certificates start before they are made. */
const CLOCK_SKEW_MS = 5 * 60_000;
const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2';
const SERVER_AUTH = '1.3.6.1.5.5.7.3.1';

/** A certificate that the CA has just signed. */
export interface Issued {
  readonly der: Buffer;
  /** SHA-256 of `der`, hex. */
  readonly fingerprint: string;
  /** Hex. */
  readonly serial: string;
  /** Milliseconds since 1970. */
  readonly expiresAt: number;
}

interface Leaf {
  readonly commonName: string;
  readonly publicKey: x509.PublicKey | webcrypto.CryptoKey;
  readonly extendedKeyUsage: string;
  readonly names: x509.JsonGeneralNames;
  readonly days: number;
  readonly now: number;
}

/** Signs the certificates of this server and of its devices. Its key is a file that only the server's user can read. */
export class CertificateAuthority {
  /** DER of the CA's own certificate. */
  readonly der: Buffer;
  readonly fingerprint: string;

  private constructor(
    private readonly certificate: x509.X509Certificate,
    private readonly key: webcrypto.CryptoKey,
  ) {
    this.der = Buffer.from(certificate.rawData);
    this.fingerprint = fingerprint(this.der);
  }

  /**
   * Reads the CA of a data folder; makes it the first time.
   * @throws Error if one of the two files is missing or cannot be read: a new CA would lock out every agent
   */
  static async open(folder: string, now: number): Promise<CertificateAuthority> {
    const keyFile = join(folder, 'ca.key');
    const certificateFile = join(folder, 'ca.crt');
    if (!existsSync(certificateFile)) {
      // The key is written first: a key without a certificate is an interrupted first start.
      const { key, certificate } = await makeCa(now);
      writeDurably(keyFile, await exportPrivateKey(key), 0o600);
      writeDurably(certificateFile, toPem('CERTIFICATE', Buffer.from(certificate.rawData)), 0o644);
    } else if (!existsSync(keyFile)) {
      throw new Error(`${keyFile} is missing but ${certificateFile} is there: restore the key from a backup`);
    }
    const [der] = certificatesFromPem(readFileSync(certificateFile, 'utf8'));
    if (!der) throw new Error(`${certificateFile} holds no certificate: restore it from a backup`);
    const certificate = new x509.X509Certificate(der);
    const key = await importPrivateKey(readFileSync(keyFile, 'utf8'), keyFile);
    await requirePair(certificate, key, keyFile);
    return new CertificateAuthority(certificate, key);
  }

  /** Certificate of a device: for TLS clients only, with the device id as its one name. */
  issueDevice(
    deviceId: string,
    publicKey: x509.PublicKey,
    validity: { days: number; now: number },
  ): Promise<Issued> {
    return this.issue({
      commonName: deviceId,
      publicKey,
      extendedKeyUsage: CLIENT_AUTH,
      names: [{ type: 'url', value: deviceUri(deviceId) }],
      ...validity,
    });
  }

  /** Certificate of this server: for TLS servers only. */
  issueServer(
    names: readonly string[],
    publicKey: webcrypto.CryptoKey,
    validity: { days: number; now: number },
  ): Promise<Issued> {
    return this.issue({
      // A common name has at most 64 characters.
      commonName: hostname().slice(0, 64),
      publicKey,
      extendedKeyUsage: SERVER_AUTH,
      names: names.map((value) => ({ type: isIP(value) ? 'ip' : 'dns', value })),
      ...validity,
    });
  }

  private async issue(leaf: Leaf): Promise<Issued> {
    const expiresAt = Math.min(leaf.now + leaf.days * DAY_MS, this.certificate.notAfter.getTime());
    const serialNumber = newSerial();
    const certificate = await x509.X509CertificateGenerator.create({
      serialNumber,
      subject: [{ CN: [leaf.commonName] }],
      issuer: this.certificate.subject,
      notBefore: new Date(leaf.now - CLOCK_SKEW_MS),
      notAfter: new Date(expiresAt),
      signingKey: this.key,
      publicKey: leaf.publicKey,
      signingAlgorithm: SIGNING,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension([leaf.extendedKeyUsage]),
        new x509.SubjectAlternativeNameExtension(leaf.names),
        await x509.AuthorityKeyIdentifierExtension.create(this.certificate.publicKey),
      ],
    });
    const der = Buffer.from(certificate.rawData);
    // X.509 has whole seconds.
    const wholeSeconds = Math.floor(expiresAt / 1000) * 1000;
    return { der, fingerprint: fingerprint(der), serial: serialNumber, expiresAt: wholeSeconds };
  }
}

/** Positive, 127 random bits. */
function newSerial(): string {
  const bytes = randomBytes(16);
  bytes.writeUInt8(bytes.readUInt8(0) & 0x7f, 0);
  return bytes.toString('hex');
}

async function makeCa(now: number): Promise<{ key: webcrypto.CryptoKey; certificate: x509.X509Certificate }> {
  const keys = await webcrypto.subtle.generateKey(P256, true, ['sign', 'verify']);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: newSerial(),
    // The random part tells the CAs of two servers apart in error messages.
    name: [{ CN: [`Cordon CA ${randomBytes(4).toString('hex')}`] }],
    notBefore: new Date(now - CLOCK_SKEW_MS),
    notAfter: new Date(now + CA_DAYS * DAY_MS),
    keys,
    signingAlgorithm: SIGNING,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { key: keys.privateKey, certificate };
}

async function requirePair(
  certificate: x509.X509Certificate,
  key: webcrypto.CryptoKey,
  keyFile: string,
): Promise<void> {
  const probe = randomBytes(16);
  const signature = await webcrypto.subtle.sign(SIGNING, key, probe);
  const publicKey = (await certificate.publicKey.export(P256, ['verify'], webcrypto)) as webcrypto.CryptoKey;
  if (!(await webcrypto.subtle.verify(SIGNING, publicKey, signature, probe))) {
    throw new Error(
      `${keyFile} does not belong to the CA certificate beside it: restore both from one backup`,
    );
  }
}
