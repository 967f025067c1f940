import type { ErrorReason } from '../../shared/gen/cordon/v1/error.js';
import type { Reader, Tx } from '../store/store.js';

/** What the server says about the certificate of a device that wants a stream. */
export type Authorization =
  | { readonly ok: true; readonly deviceId: string; readonly fingerprint: string }
  | { readonly ok: false; readonly reason: ErrorReason; readonly message: string };

/** Certificates of devices as the agent streams need them. */
export interface DeviceCertificates {
  /** Known, not revoked, not expired, of a device that exists and is not banned. */
  authorizeCertificate(db: Reader, certificateDer: Uint8Array, now: number): Promise<Authorization>;
  /** First use of a certificate: older ones of the device stop working. */
  markCertificateUsed(tx: Tx, fingerprint: string, now: number): Promise<void>;
  /**
   * New certificate over an authorised stream. The key may be a new one, the device id may not.
   * @returns DER
   * @throws CordonError CSR_INVALID, DEVICE_NOT_FOUND
   */
  issueForStream(tx: Tx, deviceId: string, csrDer: Uint8Array, now: number): Promise<Buffer>;
}
