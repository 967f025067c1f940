import { cpSync, lstatSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import { expect } from 'chai';
import { EnrollmentServiceService, EnrollmentStatus } from '../../shared/gen/cordon/v1/enrollment_service.js';
import { certificatesFromPem } from '../../shared/tls/pem.js';
import type { Credentials } from '../../bench/fleet/credentials.js';
import { RawStream, enrolMany } from './enrolled.js';
import { Operator } from './operator.js';
import { RealAgent } from './real-agent.js';
import { RealServer, type ManagementClient } from './real-server.js';
import { pause, until } from './until.js';

describe('the standing of a device, over real TLS', () => {
  let server: RealServer;
  let client: ManagementClient;

  before(async () => {
    server = await RealServer.open();
    client = server.connect();
  });

  after(async () => {
    client.close();
    await server.close();
  });

  async function enrolled(): Promise<Credentials> {
    const [device] = await enrolMany(client, 1);
    if (!device) throw new Error('nothing enrolled');
    return device;
  }

  /** Says Hello and has been let in. */
  async function openStream(device: Credentials): Promise<RawStream> {
    const stream = new RawStream(server, device);
    stream.hello(device.id);
    await stream.heard('welcome');
    return stream;
  }

  async function statusOf({ certificate: pem }: Credentials): Promise<EnrollmentStatus> {
    const [certificate = Buffer.alloc(0)] = certificatesFromPem(pem);
    return (await client.call(EnrollmentServiceService.getEnrollmentStatus, { certificate })).status;
  }

  async function withAgent(story: (agent: RealAgent, operator: Operator) => Promise<void>): Promise<void> {
    const agent = await RealAgent.enrol(client, server);
    try {
      const operator = new Operator(client, agent.id);
      await until('connected', 5_000, () => operator.isCurrent());
      await story(agent, operator);
    } finally {
      await agent.close();
    }
  }

  it('gives the place of a stream to a second one with the same identity, and records it', async () => {
    const device = await enrolled();
    const operator = new Operator(client, device.id);
    const first = await openStream(device);
    const second = await openStream(device);
    const ended = await first.ended;
    expect(status[ended.code]).to.equal('ABORTED');
    expect(ended.details).to.match(/a newer stream of this device took over/);
    expect(await operator.isOnline()).to.equal(true);

    const records = (await operator.audited()).filter(({ action }) => action === 'stream.replaced');
    expect(records).to.have.length(1);
    expect(records[0]?.actor).to.equal(`device:${device.id}`);
    expect(records[0]?.detailsJson).to.match(/"old_peer":"127\.0\.0\.1:\d+".*"new_peer":"127\.0\.0\.1:\d+"/);
    second.send({ $case: 'goodbye', value: { reason: 'end of the test' } });
    first.close();
    second.close();
  });

  it('raises the clone alarm when two agents live with one identity', () =>
    withAgent(async (agent, operator) => {
      const copy = RealAgent.existing(mkdtempSync(join(tmpdir(), 'cordon-agent-copy-')), server);
      // A socket is no file that could be copied, and a clone of a disk brings none.
      const filter = (path: string): boolean => !lstatSync(path).isSocket();
      cpSync(agent.folder, copy.folder, { recursive: true, filter });
      try {
        await copy.start();
        await until('the alarm', 10_000, async () => (await operator.show()).cloneSuspected);
        const actions = (await operator.audited()).map(({ action }) => action);
        expect(actions).to.include.members(['stream.replaced', 'device.clone_suspected']);
      } finally {
        await copy.close();
      }
      await operator.unban();
      expect((await operator.show()).cloneSuspected, 'lifted by an operator').to.equal(false);
    }));

  it('ends the stream of a banned device within a second and keeps it out until it is unbanned', () =>
    withAgent(async (agent, operator) => {
      await operator.ban();
      await until('the stream ends', 1_000, () => !agent.running.connected);
      expect(await operator.isOnline()).to.equal(false);

      const logged = server.log.length;
      const refusals = (): number =>
        server.log.slice(logged).split(`device ${agent.id} is banned; an administrator can unban it`).length -
        1;
      await until('it tries to come back twice', 8_000, () => refusals() >= 2);
      expect(agent.running.connected).to.equal(false);
      expect(agent.log).to.match(/BANNED: the server has banned this device/);

      await operator.unban();
      await until('it is back', 15_000, () => operator.isCurrent());
      const actions = (await operator.audited()).map(({ action }) => action);
      expect(actions).to.deep.equal(['device.unban', 'device.ban', 'device.enroll']);
    }));

  it('ends a stream that has yet to say Hello with the reason once it does', async () => {
    const device = await enrolled();
    const stream = new RawStream(server, device);
    await pause(200);
    await new Operator(client, device.id).ban();
    stream.hello(device.id);
    const ended = await stream.ended;
    stream.close();
    expect(status[ended.code]).to.equal('PERMISSION_DENIED');
    expect(ended.details).to.match(/banned/);
  });

  it('ends the stream of a removed device within a second and does not know it any more', () =>
    withAgent(async (agent, operator) => {
      await operator.remove();
      await until('the stream ends', 1_000, () => !agent.running.connected);
      await until('the agent is told why', 5_000, () =>
        agent.log.includes('UNKNOWN: the server does not know'),
      );
      expect(agent.running.connected).to.equal(false);
      const answer = await operator.show().catch((error: unknown) => error);
      expect(answer).to.include({ code: status.NOT_FOUND });
    }));

  it('tells the holder of a certificate how the server sees it', async () => {
    const [active, banned, removed] = [await enrolled(), await enrolled(), await enrolled()];
    await new Operator(client, banned.id).ban();
    await new Operator(client, removed.id).remove();
    expect(await statusOf(active)).to.equal(EnrollmentStatus.ENROLLMENT_STATUS_ACTIVE);
    expect(await statusOf(banned)).to.equal(EnrollmentStatus.ENROLLMENT_STATUS_BANNED);
    expect(await statusOf(removed)).to.equal(EnrollmentStatus.ENROLLMENT_STATUS_UNKNOWN);
  });

  it('lets everybody go at a planned stop, within its time, and has everybody back after it', async () => {
    const agents = [await RealAgent.enrol(client, server), await RealAgent.enrol(client, server)];
    const operators = agents.map(({ id }) => new Operator(client, id));
    try {
      for (const operator of operators) await until('connected', 5_000, () => operator.isCurrent());
      // One that is told and does not leave must not hold up the others.
      const deaf = await openStream(await enrolled());
      const start = performance.now();
      const code = await server.kill('SIGTERM');
      const tookMs = performance.now() - start;
      expect(code).to.equal(0);
      // drain_seconds is 1 here.
      expect(tookMs).to.be.below(2_500);
      await deaf.heard('drain');
      deaf.close();
      for (const { log } of agents) expect(log).to.match(/the server asks to come back later/);

      await server.start();
      for (const operator of operators) {
        await until('back', 12_000, () => operator.isCurrent().catch(() => false));
      }
    } finally {
      for (const agent of agents) await agent.close();
    }
  });
});
