import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { belongsTo, IdentityError, IdentityFiles } from '../../../../agent/identity/files.js';
import { Identity } from '../../../../agent/identity/identity.js';
import { makeCsr, newPrivateKey } from '../../../../agent/identity/keys.js';
import { deviceUri } from '../../../../shared/ids.js';
import * as x509 from '../../../../shared/tls/x509.js';
import { DeviceCa } from '../../../fakes/device-certificates.js';

const NOW = Date.UTC(2026, 0, 1);
const DAY = 86_400_000;

describe('the identity of a device', () => {
  let folder: string;
  let ca: DeviceCa;

  before(async () => {
    ca = await DeviceCa.make();
  });
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'cordon-identity-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  /** What a start of the agent makes of the files. */
  const start = (): Identity => new Identity(new IdentityFiles(folder), () => 0.5);
  const issue = (csr: Buffer): Promise<Buffer> => ca.issue(csr, NOW, NOW + 30 * DAY);
  async function enrolled(): Promise<Identity> {
    const identity = start();
    identity.adoptEnrolment(await issue(await identity.enrollmentCsr()), [ca.certificate]);
    return identity;
  }
  async function withCandidate(): Promise<Identity> {
    const identity = await enrolled();
    identity.candidateIssued(await issue(await identity.renewalCsr()));
    return identity;
  }
  const publicKey = (csr: Buffer): string => new x509.Pkcs10CertificateRequest(csr).publicKey.toString('hex');

  it('keeps its id and its key over every interrupted enrolment', async () => {
    const first = start();
    const key = publicKey(await first.enrollmentCsr());
    const second = start();
    expect(second.deviceId).to.equal(first.deviceId);
    expect(publicKey(await second.enrollmentCsr())).to.equal(key);
    expect(second.enrolled).to.equal(false);
  });

  it('asks for a certificate with its id as the only name', async () => {
    const identity = start();
    const csr = new x509.Pkcs10CertificateRequest(await identity.enrollmentCsr());
    const names = csr.extensions.flatMap((extension) =>
      extension instanceof x509.SubjectAlternativeNameExtension ? extension.names.items : [],
    );
    expect(names.map(({ type, value }) => [type, value])).to.deep.equal([
      ['url', deviceUri(identity.deviceId)],
    ]);
    expect(await csr.verify()).to.equal(true);
  });

  it('lets nobody but its owner read the key', async () => {
    await enrolled();
    expect(statSync(join(folder, 'credentials.pem')).mode & 0o777).to.equal(0o600);
  });

  it('is not enrolled before certificate and CA are both there', async () => {
    const identity = await enrolled();
    expect(identity.enrolled).to.equal(true);
    rmSync(join(folder, 'ca.pem'));
    expect(start().enrolled).to.equal(false);
  });

  it('refuses a certificate for another key or another device', async () => {
    const identity = start();
    await identity.enrollmentCsr();
    const otherKey = await issue(await makeCsr(identity.deviceId, newPrivateKey()));
    expect(() => identity.adoptEnrolment(otherKey, [ca.certificate])).to.throw('another key');
    const other = await issue(await makeCsr('018f0000-0000-7000-8000-00000000000f', newPrivateKey()));
    expect(() => identity.adoptEnrolment(other, [ca.certificate])).to.throw('another device');
    expect(identity.enrolled).to.equal(false);
  });

  it('renews at half of the lifetime, give or take a tenth of it', async () => {
    await enrolled();
    const due = (random: number): number =>
      new Identity(new IdentityFiles(folder), () => random).renewalDueMs();
    expect(due(0)).to.be.closeTo(NOW + 12 * DAY, 1000);
    expect(due(0.5)).to.be.closeTo(NOW + 15 * DAY, 1000);
    expect(due(1)).to.be.closeTo(NOW + 18 * DAY, 1000);
  });

  it('adopts a candidate only after a connection with it has worked', async () => {
    const identity = await withCandidate();
    const before = readFileSync(join(folder, 'credentials.pem'), 'utf8');
    const { slot, credentials } = identity.forConnection();
    expect(slot).to.equal('candidate');
    expect(belongsTo(credentials.certificate, credentials.privateKey)).to.equal(true);
    expect(readFileSync(join(folder, 'credentials.pem'), 'utf8')).to.equal(before);
    identity.worked('candidate', NOW);
    expect(start().forConnection()).to.deep.include({ slot: 'current' });
    expect(start().forConnection().credentials.certificate.equals(credentials.certificate)).to.equal(true);
  });

  it('takes turns between candidate and present certificate until one of them works', async () => {
    const identity = await withCandidate();
    const slots = [1, 2, 3, 4].map(() => identity.forConnection().slot);
    expect(slots).to.deep.equal(['candidate', 'current', 'candidate', 'current']);
  });

  it('drops a candidate that failed while the present one still works, and asks again later', async () => {
    const identity = await withCandidate();
    identity.forConnection();
    identity.worked(identity.forConnection().slot, NOW);
    expect(identity.forConnection().slot).to.equal('current');
    expect(identity.renewalDueMs()).to.equal(NOW + 3_600_000);
  });

  it('takes up an interrupted renewal with the same key, and a finished one with the same candidate', async () => {
    const identity = await enrolled();
    const key = publicKey(await identity.renewalCsr());
    const again = start();
    expect(again.forConnection().slot).to.equal('current');
    const csr = await again.renewalCsr();
    expect(publicKey(csr)).to.equal(key);
    again.candidateIssued(await issue(csr));
    expect(start().forConnection().slot).to.equal('candidate');
  });

  it('notices that its certificate has expired and renews it for the same key', async () => {
    const identity = await enrolled();
    expect(identity.expired(NOW + 29 * DAY)).to.equal(false);
    expect(identity.expired(NOW + 31 * DAY)).to.equal(true);
    const request = await identity.sameKeyRenewal('current');
    if (!request) throw new Error('there is nothing to renew');
    identity.renewed(await ca.issue(request.csr, NOW + 31 * DAY, NOW + 61 * DAY), 'current');
    expect(start().expired(NOW + 32 * DAY)).to.equal(false);
  });

  it('says which file is damaged and what to do', () => {
    writeFileSync(join(folder, 'credentials.pem'), 'nonsense');
    expect(() => start().enrolled).to.throw(IdentityError, /credentials\.pem.*purge/);
    writeFileSync(join(folder, 'device-id'), 'nonsense');
    expect(start).to.throw(IdentityError, /device-id.*purge/);
  });
});
