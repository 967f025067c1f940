import { webcrypto } from 'node:crypto';
import { status } from '@grpc/grpc-js';
import * as x509 from '../../shared/tls/x509.js';
import { CordonError } from '../../shared/errors.js';
import { ErrorReason } from '../../shared/gen/cordon/v1/error.js';
import { deviceIdFromUri } from '../../shared/ids.js';
import { keyHash } from './key-hash.js';
import { P256 } from './keys.js';

const LARGEST_CSR = 4096;
const SUBJECT_ALTERNATIVE_NAME = '2.5.29.17';

/** A certificate signing request that passed every check. */
export interface CheckedCsr {
  readonly deviceId: string;
  readonly publicKey: x509.PublicKey;
  /** SHA-256 of the public key (SPKI, DER), hex. */
  readonly keyHash: string;
}

/**
 * Checks a PKCS#10 request: at most 4 KiB, P-256, signed by its own key, and exactly one subject alternative name, which
 * is the URI of a device.
 * @throws CordonError CSR_INVALID that says which rule is broken
 */
export async function checkCsr(der: Uint8Array): Promise<CheckedCsr> {
  if (der.length === 0) throw csrInvalid('is missing');
  if (der.length > LARGEST_CSR) throw csrInvalid(`has ${der.length} bytes, more than ${LARGEST_CSR}`);
  const csr = parse(der);
  // webcrypto refuses to import a key of any other kind, so this comes before the signature.
  await importP256(csr.publicKey);
  const signed = await csr.verify(webcrypto).catch(() => false);
  if (!signed) throw csrInvalid('is not signed by its own key');
  return {
    deviceId: deviceIdOf(csr),
    publicKey: csr.publicKey,
    keyHash: keyHash(new Uint8Array(csr.publicKey.rawData)),
  };
}

function parse(der: Uint8Array): x509.Pkcs10CertificateRequest {
  try {
    return new x509.Pkcs10CertificateRequest(der);
  } catch {
    throw csrInvalid('is not a PKCS#10 request in DER');
  }
}

async function importP256(key: x509.PublicKey): Promise<void> {
  try {
    await key.export(P256, ['verify'], webcrypto);
  } catch {
    throw csrInvalid('has a key that is not P-256');
  }
}

function deviceIdOf(csr: x509.Pkcs10CertificateRequest): string {
  const extensions = csr.extensions.filter(({ type }) => type === SUBJECT_ALTERNATIVE_NAME);
  const names = extensions.flatMap((extension) =>
    extension instanceof x509.SubjectAlternativeNameExtension ? extension.names.items : [],
  );
  const [name] = names;
  const id = name?.type === 'url' && names.length === 1 ? deviceIdFromUri(name.value) : undefined;
  if (id === undefined) {
    throw csrInvalid('must have exactly one subject alternative name, the URI spiffe://cordon/device/<uuid>');
  }
  return id;
}

/** The one error for a request that breaks a rule; `problem` continues "csr: ". */
export function csrInvalid(problem: string): CordonError {
  return new CordonError(
    status.INVALID_ARGUMENT,
    ErrorReason.ERROR_REASON_CSR_INVALID,
    `certificate signing request: ${problem}`,
    { violations: [{ field: 'csr', description: problem }] },
  );
}
