import { X509Certificate } from 'node:crypto';
import { deviceIdFromUri } from '../../shared/ids.js';
import type { IdentityFiles } from './files.js';
import { belongsTo, type Credentials, type KeyPair, type Slot } from './files.js';
import { makeCsr, newPrivateKey } from './keys.js';
import { isExpired, renewalDueMs } from './renewal.js';

/** After a candidate did not work, the next one is asked for no sooner. */
const RETRY_RENEWAL_MS = 3_600_000;

/**
 * Who this device is: one id for ever, one key pair in use, and at times a candidate that is adopted only after a
 * connection with it has worked. The certificate in use stays valid until then, so no step of a renewal strands a device.
 */
export class Identity {
  readonly deviceId: string;
  private renewAtMs: number | undefined;
  private candidateTried = false;

  /** @param random a number from 0 up to 1 */
  constructor(
    private readonly files: IdentityFiles,
    private readonly random: () => number,
  ) {
    this.deviceId = files.deviceId();
  }

  /** Whether there is a certificate to connect with. */
  get enrolled(): boolean {
    return this.current()?.certificate !== undefined && this.files.readCa().length > 0;
  }

  /** The request to enrol with: always the same key, however often enrolment was interrupted. */
  async enrollmentCsr(): Promise<Buffer> {
    const pair = this.current() ?? { privateKey: newPrivateKey(), certificate: undefined };
    this.files.write('current', pair);
    return makeCsr(this.deviceId, pair.privateKey);
  }

  /** @throws Error where the certificate is not for this device and key */
  adoptEnrolment(certificate: Buffer, ca: readonly Buffer[]): void {
    const pair = this.current();
    if (!pair) throw new Error('there is no key to enrol (this is a bug)');
    this.check(certificate, pair.privateKey);
    // The CA first: a certificate on disk says that enrolment is complete.
    this.files.writeCa(ca);
    this.files.write('current', { ...pair, certificate });
  }

  /** A certificate that has expired was renewed for the same key. @throws Error where it is not for this device and key */
  renewed(certificate: Buffer, slot: Slot): void {
    const pair = this.files.read(slot);
    if (!pair) throw new Error('there is no key to renew for (this is a bug)');
    this.check(certificate, pair.privateKey);
    this.files.write(slot, { ...pair, certificate });
    this.candidateTried = false;
    this.renewAtMs = undefined;
  }

  /**
   * What to connect with. A candidate goes first and then takes turns with the pair in use: after a lost Welcome nobody
   * but the server knows which of the two it still accepts.
   */
  forConnection(): { readonly slot: Slot; readonly credentials: Credentials } {
    const candidate = this.files.read('candidate');
    const ca = this.files.readCa();
    if (candidate?.certificate && !this.candidateTried) {
      this.candidateTried = true;
      return { slot: 'candidate', credentials: { ...candidate, certificate: candidate.certificate, ca } };
    }
    this.candidateTried = false;
    const current = this.current();
    if (!current?.certificate) throw new Error('this device is not enrolled (this is a bug)');
    return { slot: 'current', credentials: { ...current, certificate: current.certificate, ca } };
  }

  /** A connection with this pair has worked: a candidate is adopted, or given up because the other one still works. */
  worked(slot: Slot, nowMs: number): void {
    const candidate = this.files.read('candidate');
    if (slot === 'candidate') this.files.adoptCandidate();
    else if (candidate?.certificate) {
      this.files.dropCandidate();
      this.renewAtMs = nowMs + RETRY_RENEWAL_MS;
      return;
    }
    this.candidateTried = false;
    this.renewAtMs = undefined;
  }

  /** When the certificate in use should be renewed, wall clock, milliseconds. */
  renewalDueMs(): number {
    const certificate = this.current()?.certificate;
    if (!certificate) return Infinity;
    return (this.renewAtMs ??= renewalDueMs(new X509Certificate(certificate), this.random()));
  }

  /** A request with a new key, which becomes the candidate; an interrupted one is taken up again. */
  async renewalCsr(): Promise<Buffer> {
    const candidate = this.files.read('candidate') ?? { privateKey: newPrivateKey(), certificate: undefined };
    this.files.write('candidate', candidate);
    return makeCsr(this.deviceId, candidate.privateKey);
  }

  /** Keeps the candidate's certificate. @throws Error where it is not for this device and the candidate's key */
  candidateIssued(certificate: Buffer): void {
    const candidate = this.files.read('candidate');
    if (!candidate) throw new Error('a certificate came that was not asked for');
    this.check(certificate, candidate.privateKey);
    this.files.write('candidate', { ...candidate, certificate });
    this.candidateTried = false;
  }

  /** The server did not issue a certificate: try again later. */
  renewalRefused(nowMs: number): void {
    this.files.dropCandidate();
    this.renewAtMs = nowMs + RETRY_RENEWAL_MS;
  }

  /** Whether the certificate in use has expired, as far as this computer's clock can tell. */
  expired(nowMs: number): boolean {
    const certificate = this.current()?.certificate;
    return certificate !== undefined && isExpired(new X509Certificate(certificate), nowMs);
  }

  /**
   * A certificate, with a request to renew it for the same key; undefined: there is none. After a lost Welcome the
   * server may know only the candidate.
   */
  async sameKeyRenewal(
    slot: Slot,
  ): Promise<{ readonly certificate: Buffer; readonly csr: Buffer } | undefined> {
    const pair = this.files.read(slot);
    if (!pair?.certificate) return undefined;
    return { certificate: pair.certificate, csr: await makeCsr(this.deviceId, pair.privateKey) };
  }

  /** The certificate in use, DER, and the CA. */
  get standing(): { readonly certificate: Buffer; readonly ca: readonly Buffer[] } | undefined {
    const certificate = this.current()?.certificate;
    return certificate && { certificate, ca: this.files.readCa() };
  }

  private current(): KeyPair | undefined {
    return this.files.read('current');
  }

  private check(certificate: Buffer, privateKey: Buffer): void {
    const names = new X509Certificate(certificate).subjectAltName?.split(', ') ?? [];
    const ids = names.flatMap((name) => (name.startsWith('URI:') ? [deviceIdFromUri(name.slice(4))] : []));
    if (ids.length !== 1 || ids[0] !== this.deviceId)
      throw new Error('the certificate is for another device');
    if (!belongsTo(certificate, privateKey)) throw new Error('the certificate is for another key');
  }
}
