import { status } from '@grpc/grpc-js';
import type { Clock } from '../../shared/clock.js';
import { CordonError } from '../../shared/errors.js';
import { ErrorReason } from '../../shared/gen/cordon/v1/error.js';
import {
  EnrollmentStatus,
  type EnrollRequest,
  type EnrollResponse,
  type RenewCertificateRequest,
  type RenewCertificateResponse,
} from '../../shared/gen/cordon/v1/enrollment_service.js';
import { fingerprint } from '../../shared/tls/fingerprint.js';
import { toTimestamp } from '../../shared/time.js';
import { settingsOfNewDevice } from '../desired/refresh.js';
import { appendAudit } from '../store/audit.js';
import type { Store, Tx } from '../store/store.js';
import type { CertificateAuthority } from './ca.js';
import { checkCsr, csrInvalid, type CheckedCsr } from './csr.js';
import { auditRenewal, findCertificate, type DeviceIdentity } from './device-identity.js';
import { freeName, wantedName } from './device-name.js';
import { requireEnrollmentToken, useEnrollmentToken, type EnrollmentTokenRow } from './enrollment-tokens.js';
import { certificateKeyHash } from './key-hash.js';

export interface EnrollmentDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly ca: CertificateAuthority;
  readonly identity: DeviceIdentity;
}

/** How a computer becomes a device, and how a device whose certificate has expired stays one. */
export class Enrollment {
  constructor(private readonly deps: EnrollmentDeps) {}

  /** @throws CordonError ENROLLMENT_TOKEN_REFUSED, CSR_INVALID, INVALID_FIELD, DEVICE_ID_TAKEN, DEVICE_BANNED */
  async enroll(request: EnrollRequest, address: string): Promise<EnrollResponse & { deviceId: string }> {
    const { store, clock, ca } = this.deps;
    // The token first: whoever has none does not get the server to verify signatures.
    await requireEnrollmentToken(store.read, request.token, clock.wall());
    const csr = await checkCsr(request.csr);
    const hostname = wantedName(request.hostname, csr.deviceId);
    return store.write(async (tx) => {
      const now = clock.wall();
      const token = await requireEnrollmentToken(tx, request.token, now);
      const { name, repeated } = await this.device(tx, csr, token, hostname, now);
      const issued = await this.deps.identity.issue(tx, csr, now);
      await appendAudit(tx, {
        occurredAt: now,
        actor: `device:${csr.deviceId}`,
        action: 'device.enroll',
        deviceId: csr.deviceId,
        details: { name, address, repeated, token_id: token.id, fingerprint: issued.fingerprint },
      });
      return {
        deviceId: csr.deviceId,
        certificate: issued.der,
        caCertificates: [ca.der],
        deviceName: name,
      };
    });
  }

  /** @param certificateDer the agent's certificate; whatever it is, it gets an answer */
  async status(certificateDer: Uint8Array): Promise<EnrollmentStatus> {
    const known = await findCertificate(this.deps.store.read, fingerprint(certificateDer));
    if (!known) return EnrollmentStatus.ENROLLMENT_STATUS_UNKNOWN;
    if (known.banned) return EnrollmentStatus.ENROLLMENT_STATUS_BANNED;
    if (known.expiresAt <= this.deps.clock.wall()) return EnrollmentStatus.ENROLLMENT_STATUS_EXPIRED;
    return EnrollmentStatus.ENROLLMENT_STATUS_ACTIVE;
  }

  /** @throws CordonError CERTIFICATE_UNKNOWN, DEVICE_BANNED, CSR_INVALID */
  async renew(request: RenewCertificateRequest): Promise<RenewCertificateResponse> {
    const { store, clock, identity } = this.deps;
    const hash = fingerprint(request.certificate);
    await requireWelcome(store.read, hash);
    const csr = await checkCsr(request.csr);
    return store.write(async (tx) => {
      const { deviceId } = await requireWelcome(tx, hash);
      if (csr.deviceId !== deviceId) throw csrInvalid(`names device ${csr.deviceId}, not ${deviceId}`);
      // The signature under the request is the proof that the sender has the key of the certificate.
      if (csr.keyHash !== certificateKeyHash(request.certificate)) {
        throw csrInvalid('must be for the key of the certificate that it renews');
      }
      const now = clock.wall();
      const issued = await identity.issue(tx, csr, now);
      await auditRenewal(tx, deviceId, issued, now);
      return { certificate: issued.der, expiresAt: toTimestamp(issued.expiresAt) };
    });
  }

  /** The device of a CSR: made now, or there already by an enrolment that is being repeated. */
  private async device(
    tx: Tx,
    csr: CheckedCsr,
    token: EnrollmentTokenRow,
    hostname: string,
    now: number,
  ): Promise<{ name: string; repeated: boolean }> {
    const existing = await tx
      .selectFrom('devices')
      .select(['name', 'banned', 'key_hash', 'enrollment_token_id'])
      .where('id', '=', csr.deviceId)
      .executeTakeFirst();
    if (!existing) {
      await useEnrollmentToken(tx, token);
      const name = await freeName(tx, hostname);
      await insertDevice(tx, csr, { token, name, now });
      return { name, repeated: false };
    }
    if (existing.key_hash !== csr.keyHash) {
      throw new CordonError(
        status.ALREADY_EXISTS,
        ErrorReason.ERROR_REASON_DEVICE_ID_TAKEN,
        `the device id ${csr.deviceId} belongs to another key; an agent with a fresh state folder makes a new id`,
      );
    }
    if (existing.banned !== 0) throw banned(csr.deviceId);
    // The same device with another token is a new enrolment: it costs a use of that token.
    const repeated = existing.enrollment_token_id === token.id;
    if (!repeated) {
      await useEnrollmentToken(tx, token);
      await tx
        .updateTable('devices')
        .set({ enrollment_token_id: token.id })
        .where('id', '=', csr.deviceId)
        .execute();
    }
    return { name: existing.name, repeated };
  }
}

async function insertDevice(
  tx: Tx,
  csr: CheckedCsr,
  { token, name, now }: { token: EnrollmentTokenRow; name: string; now: number },
): Promise<void> {
  await tx
    .insertInto('devices')
    .values({
      id: csr.deviceId,
      name,
      group_id: token.group_id,
      settings_hash: await settingsOfNewDevice(tx, csr.deviceId, token.group_id),
      tags_json: '[]',
      facts_proto: null,
      agent_version: '',
      enrolled_at: now,
      last_seen_at: null,
      banned: 0,
      clone_suspected: 0,
      key_hash: csr.keyHash,
      enrollment_token_id: token.id,
      generation: 1,
      observed_generation: 0,
      directive_proto: null,
      observed_proto: null,
      rejection: '',
      epoch: 0,
      session_nonce: null,
    })
    .execute();
}

async function requireWelcome(db: Tx | Store['read'], hash: string): Promise<{ deviceId: string }> {
  const known = await findCertificate(db, hash);
  if (!known) {
    throw new CordonError(
      status.PERMISSION_DENIED,
      ErrorReason.ERROR_REASON_CERTIFICATE_UNKNOWN,
      `the certificate ${hash} is not on record; enrol again with a token`,
    );
  }
  if (known.banned) throw banned(known.deviceId);
  return known;
}

function banned(deviceId: string): CordonError {
  return new CordonError(
    status.PERMISSION_DENIED,
    ErrorReason.ERROR_REASON_DEVICE_BANNED,
    `device ${deviceId} is banned; an administrator can unban it`,
  );
}
