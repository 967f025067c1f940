import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { X509Certificate } from 'node:crypto';
import { expect } from 'chai';
import { EnrollmentServiceService, EnrollmentStatus } from '../../shared/gen/cordon/v1/enrollment_service.js';
import { certificatesFromPem } from '../../shared/tls/pem.js';
import { systemClock } from '../../shared/clock.js';
import { Operator } from './operator.js';
import { RealAgent, type AgentSettings } from './real-agent.js';
import type { ManagementClient } from './real-server.js';
import { ServerInProcess } from './server-in-process.js';
import { issueDevice } from './strange-identities.js';
import { until } from './until.js';

const DAY_MS = 86_400_000;
/** Certificates start 5 minutes before they are made. */
const SKEW_MS = 300_000;
/** With this certificates are due for renewal, half their life, 2 s after they were made. */
const SHORT_LIFE_MS = SKEW_MS + 4_000;
const LONG_AGO = { ...systemClock, wall: () => Date.now() - 40 * DAY_MS };
/** The middle of every random range. */
const MIDDLE = (): number => 0.5;

describe('the renewal of certificates, end to end', () => {
  let server: ServerInProcess;
  let client: ManagementClient;
  let agent: RealAgent | undefined;

  afterEach(async () => {
    await agent?.close();
    agent = undefined;
    client.close();
    await server.close();
  });

  async function open(options: { certificateMs?: number; wallShiftMs?: number }): Promise<void> {
    server = await ServerInProcess.open(options);
    client = server.connect();
  }

  async function enrol(settings: AgentSettings): Promise<{ agent: RealAgent; operator: Operator }> {
    const enrolled = await RealAgent.enrol(client, server, settings);
    agent = enrolled;
    const operator = new Operator(client, enrolled.id);
    await until('connected', 5_000, () => operator.isCurrent());
    return { agent: enrolled, operator };
  }

  /** Server and agent live 40 days ago; to TLS, which has no clock of its own, the certificate has expired already. */
  async function enrolLongAgo(): Promise<{ agent: RealAgent; operator: Operator }> {
    await open({ wallShiftMs: -40 * DAY_MS });
    const enrolled = await RealAgent.enrol(client, server, { clock: LONG_AGO });
    agent = enrolled;
    return { agent: enrolled, operator: new Operator(client, enrolled.id) };
  }

  async function statusOf(certificate: Buffer): Promise<EnrollmentStatus> {
    return (await client.call(EnrollmentServiceService.getEnrollmentStatus, { certificate })).status;
  }

  it('happens over the stream at half life, with a new key, and the old certificate stops working', async () => {
    await open({ certificateMs: SHORT_LIFE_MS });
    const { agent: device, operator } = await enrol({ random: MIDDLE });
    const before = inUse(device);
    await until('a new certificate is in use', 8_000, () => !inUse(device).equals(before));
    const after = inUse(device);
    expect(publicKey(after)).to.not.equal(publicKey(before));
    await until('connected with it', 5_000, () => operator.isCurrent());

    const record = (await operator.audited()).find(({ action }) => action === 'certificate.renew');
    expect(record?.actor).to.equal(`device:${device.id}`);
    expect(await statusOf(before), 'the old one').to.equal(EnrollmentStatus.ENROLLMENT_STATUS_UNKNOWN);
    const order = await operator.isolate();
    await until('an order arrives', 5_000, () => operator.isCurrent());
    expect(device.running.status().isolationId).to.equal(order.directiveId);
    expect((await operator.show()).cloneSuspected, 'taken for a copy').to.equal(false);
  });

  it('adopts a certificate only after a connection with it has worked', async () => {
    await open({ certificateMs: SHORT_LIFE_MS });
    // Between the new certificate and the connection with it the agent waits half a second.
    const { agent: device } = await enrol({ random: MIDDLE });
    const before = inUse(device);
    await until('a candidate has come', 8_000, () => device.log.includes('a new certificate has come'));
    const candidate = read(device, 'candidate.pem');
    expect(candidate, 'on disk before it is tried').to.not.equal(undefined);
    expect(inUse(device).equals(before), 'the one in use stays').to.equal(true);
    expect(await statusOf(before)).to.equal(EnrollmentStatus.ENROLLMENT_STATUS_ACTIVE);
    await until('adopted', 5_000, () => inUse(device).equals(candidate ?? before));
    expect(existsSync(join(device.folder, 'candidate.pem'))).to.equal(false);
  });

  it('goes back to the one in use when the new one is refused', async () => {
    await open({});
    const { agent: device, operator } = await enrol({});
    const before = inUse(device);
    await device.stop();
    const { key, certificate } = await issueDevice(server.folder, operator.device, 30, Date.now());
    writeFileSync(join(device.folder, 'candidate.pem'), key + certificate, { mode: 0o600 });

    await device.start();
    await until('it is back', 10_000, () => device.running.connected);
    expect(server.log, 'the candidate was tried').to.match(/the certificate [0-9a-f]{64} is not on record/);
    expect(inUse(device).equals(before)).to.equal(true);
    expect(existsSync(join(device.folder, 'candidate.pem')), 'the candidate is given up').to.equal(false);
    await until('current', 3_000, () => operator.isCurrent());
  });

  it('saves a device that was off until its certificate had expired', async () => {
    const { agent: device, operator } = await enrolLongAgo();
    const before = inUse(device);
    await device.stop();
    server.wallShiftMs = 0;
    expect(await statusOf(before)).to.equal(EnrollmentStatus.ENROLLMENT_STATUS_EXPIRED);

    agent = RealAgent.existing(device.folder, server);
    const again = agent;
    await again.start();
    await until('it is back', 10_000, () => again.running.connected);
    expect(again.log).to.match(/the expired certificate was renewed/);
    expect(publicKey(inUse(again)), 'same key').to.equal(publicKey(before));
    await until('current', 3_000, () => operator.isCurrent());
  });

  it('saves a device whose clock does not show that its certificate has expired', async () => {
    const { agent: device, operator } = await enrolLongAgo();
    await device.stop();
    server.wallShiftMs = 0;

    agent = RealAgent.existing(device.folder, server, { clock: LONG_AGO });
    const again = agent;
    await again.start();
    await until('it is back', 10_000, () => again.running.connected);
    expect(server.log, 'TLS refused it first').to.match(/client certificate of \S+ has expired/);
    await until('current', 3_000, () => operator.isCurrent());
  });
});

function read({ folder }: RealAgent, file: string): Buffer | undefined {
  const path = join(folder, file);
  return existsSync(path) ? certificatesFromPem(readFileSync(path, 'utf8'))[0] : undefined;
}

function inUse(agent: RealAgent): Buffer {
  const certificate = read(agent, 'credentials.pem');
  if (!certificate) throw new Error('the agent has no certificate');
  return certificate;
}

function publicKey(certificate: Buffer): string {
  return new X509Certificate(certificate).publicKey.export({ type: 'spki', format: 'der' }).toString('hex');
}
