import { status } from '@grpc/grpc-js';
import { CordonError } from '../../shared/errors.js';
import { ErrorReason } from '../../shared/gen/cordon/v1/error.js';
import { fingerprint } from '../../shared/tls/fingerprint.js';
import { appendAudit } from '../store/audit.js';
import type { Reader, Tx } from '../store/store.js';
import type { CertificateAuthority, Issued } from './ca.js';
import { checkCsr, csrInvalid, type CheckedCsr } from './csr.js';
import type { Authorization, DeviceCertificates } from './device-certificates.js';

/** A certificate of a device as the store knows it, with what decides over it. */
export interface KnownCertificate {
  readonly deviceId: string;
  readonly expiresAt: number;
  readonly banned: boolean;
}

/** Certificates of devices: issued, recorded by fingerprint, and judged at every stream. */
export class DeviceIdentity implements DeviceCertificates {
  /** @param days how long a certificate is valid */
  constructor(
    private readonly ca: CertificateAuthority,
    private readonly days: number,
  ) {}

  async authorizeCertificate(db: Reader, certificateDer: Uint8Array, now: number): Promise<Authorization> {
    const hash = fingerprint(certificateDer);
    const known = await findCertificate(db, hash);
    if (!known) return unknown(`the certificate ${hash} is not on record: removed, replaced or foreign`);
    const { deviceId } = known;
    if (known.banned) {
      const reason = ErrorReason.ERROR_REASON_DEVICE_BANNED;
      return { ok: false, reason, message: `device ${deviceId} is banned; an administrator can unban it` };
    }
    if (known.expiresAt <= now) {
      return unknown(`the certificate of device ${deviceId} has expired; renew it`);
    }
    return { ok: true, deviceId, fingerprint: hash };
  }

  async markCertificateUsed(tx: Tx, fingerprintHex: string, now: number): Promise<void> {
    const used = await tx
      .updateTable('certificates')
      .set({ first_used_at: now })
      .where('fingerprint', '=', fingerprintHex)
      .where('first_used_at', 'is', null)
      .returning(['device_id', 'issued_at'])
      .executeTakeFirst();
    if (!used) return;
    await tx
      .updateTable('certificates')
      .set({ revoked_at: now })
      .where('device_id', '=', used.device_id)
      .where('fingerprint', '!=', fingerprintHex)
      .where('issued_at', '<=', used.issued_at)
      .where('revoked_at', 'is', null)
      .execute();
  }

  async issueForStream(tx: Tx, deviceId: string, csrDer: Uint8Array, now: number): Promise<Buffer> {
    const csr = await checkCsr(csrDer);
    if (csr.deviceId !== deviceId) throw csrInvalid(`names device ${csr.deviceId}, not ${deviceId}`);
    const changed = await tx
      .updateTable('devices')
      .set((column) => ({ key_hash: csr.keyHash, version: column('version', '+', 1) }))
      .where('id', '=', deviceId)
      .executeTakeFirst();
    if (changed.numUpdatedRows === 0n) {
      const reason = ErrorReason.ERROR_REASON_DEVICE_NOT_FOUND;
      throw new CordonError(status.NOT_FOUND, reason, `no device with the id ${deviceId}`);
    }
    const issued = await this.issue(tx, csr, now);
    await auditRenewal(tx, deviceId, issued, now);
    return issued.der;
  }

  /**
   * Signs and records a certificate. One that was issued before and never used is dropped: its receiver asked again.
   */
  async issue(tx: Tx, csr: CheckedCsr, now: number): Promise<Issued> {
    const issued = await this.ca.issueDevice(csr.deviceId, csr.publicKey, { days: this.days, now });
    await tx
      .deleteFrom('certificates')
      .where('device_id', '=', csr.deviceId)
      .where('first_used_at', 'is', null)
      .execute();
    await tx
      .insertInto('certificates')
      .values({
        fingerprint: issued.fingerprint,
        device_id: csr.deviceId,
        serial: issued.serial,
        issued_at: now,
        expires_at: issued.expiresAt,
        first_used_at: null,
        revoked_at: null,
      })
      .execute();
    return issued;
  }
}

/** The certificate, unless it is not on record, was revoked, or its device is gone. */
export async function findCertificate(
  db: Reader,
  fingerprintHex: string,
): Promise<KnownCertificate | undefined> {
  const row = await db
    .selectFrom('certificates')
    .innerJoin('devices', 'devices.id', 'certificates.device_id')
    .select(['certificates.device_id', 'certificates.expires_at', 'devices.banned'])
    .where('certificates.fingerprint', '=', fingerprintHex)
    .where('certificates.revoked_at', 'is', null)
    .executeTakeFirst();
  return row && { deviceId: row.device_id, expiresAt: Number(row.expires_at), banned: row.banned !== 0 };
}

/** When the certificates in use end, by device id. */
export async function certificateExpiries(
  db: Reader,
  deviceIds: readonly string[],
): Promise<Map<string, number>> {
  if (deviceIds.length === 0) return new Map();
  const rows = await db
    .selectFrom('certificates')
    .select(['device_id', 'expires_at', 'first_used_at'])
    .where('device_id', 'in', deviceIds)
    .where('revoked_at', 'is', null)
    .orderBy('issued_at')
    .execute();
  const ends = new Map<string, number>();
  // A candidate counts only while there is none in use; of several in use the newest counts.
  for (const row of rows) {
    if (row.first_used_at !== null || !ends.has(row.device_id)) {
      ends.set(row.device_id, Number(row.expires_at));
    }
  }
  return ends;
}

export function auditRenewal(tx: Tx, deviceId: string, issued: Issued, now: number): Promise<void> {
  return appendAudit(tx, {
    occurredAt: now,
    actor: `device:${deviceId}`,
    action: 'certificate.renew',
    deviceId,
    details: { fingerprint: issued.fingerprint, expires_at: new Date(issued.expiresAt).toISOString() },
  });
}

function unknown(message: string): Authorization {
  return { ok: false, reason: ErrorReason.ERROR_REASON_CERTIFICATE_UNKNOWN, message };
}
