import { status } from '@grpc/grpc-js';
import { expect } from 'chai';
import type { ConnectResponse } from '../../shared/gen/cordon/v1/agent_service.js';
import { CommandState } from '../../shared/gen/cordon/v1/command.js';
import { newId } from '../../shared/ids.js';
import { enqueue } from '../../server/commands/queue.js';
import { LinkSite } from './server-link-site.js';

describe('what passes over an open stream', () => {
  let site: LinkSite;
  let device: string;

  beforeEach(async () => {
    site = await LinkSite.open();
    device = await site.device('web-1');
  });

  afterEach(() => site.close());

  describe('slow readers', () => {
    it('cuts an agent that does not read for 30 s and leaves the others alone', async () => {
      const other = site.agent(await site.device('web-2'));
      await other.hello();
      const agent = site.agent(device);
      agent.transport.stall();
      await agent.hello();
      expect(agent.transport.said).to.have.length(1);
      site.clock.advance(29_999);
      expect(agent.transport.ending).to.equal(undefined);
      site.clock.advance(1);
      expect(agent.transport.ending?.code).to.equal(status.RESOURCE_EXHAUSTED);
      expect(other.transport.ending).to.equal(undefined);
    });

    it('goes on where it stopped when the agent reads again', async () => {
      const agent = site.agent(device);
      agent.transport.stall();
      await agent.hello();
      agent.transport.resume();
      expect(agent.transport.said.map(({ payload }) => payload?.$case)).to.deep.equal([
        'welcome',
        'desiredState',
      ]);
      site.clock.advance(30_000);
      expect(agent.transport.ending).to.equal(undefined);
    });
  });

  describe('commands', () => {
    const selfTest = (now: number) => ({
      deviceId: device,
      spec: { work: { $case: 'selfTest' as const, value: {} } },
      requestedBy: 'ada',
      now,
      expiresInMs: 3_600_000,
      runTimeoutMs: 1_000,
    });

    it('reach a device that connects later, and their result is stored once', async () => {
      const { id } = await site.store.write((tx) => enqueue(tx, selfTest(site.clock.wall())));
      const agent = site.agent(device);
      await agent.hello();
      expect(agent.transport.payloads('command').map((order) => order.id)).to.deep.equal([id]);
      const done = (state: CommandState) =>
        agent.say({
          $case: 'commandUpdate',
          value: { id, state, progressPercent: 0, error: '', result: undefined, progress: undefined },
        });
      await done(CommandState.COMMAND_STATE_ACCEPTED);
      await done(CommandState.COMMAND_STATE_SUCCEEDED);
      await done(CommandState.COMMAND_STATE_FAILED);
      const row = await site.store.read.selectFrom('commands').selectAll().executeTakeFirstOrThrow();
      expect(row.state).to.equal(CommandState.COMMAND_STATE_SUCCEEDED);
      expect(lastOf(agent.transport.said).ack).to.equal(4n);
    });

    it('are sent again on the next stream if the device has not accepted them', async () => {
      await site.store.write((tx) => enqueue(tx, selfTest(site.clock.wall())));
      const first = site.agent(device);
      await first.hello();
      first.session.closed();
      const second = site.agent(device);
      await second.hello();
      expect(second.transport.payloads('command').map(({ attempt }) => attempt)).to.deep.equal([2]);
    });

    it('are never sent after they expired', async () => {
      await site.store.write((tx) => enqueue(tx, selfTest(site.clock.wall())));
      site.clock.advance(3_600_001);
      const agent = site.agent(device);
      await agent.hello();
      expect(agent.transport.payloads('command')).to.have.length(0);
      const row = await site.store.read.selectFrom('commands').selectAll().executeTakeFirstOrThrow();
      expect(row.state).to.equal(CommandState.COMMAND_STATE_EXPIRED);
    });

    it('refuse the fifty-first unfinished one', async () => {
      for (let count = 0; count < 50; count++) {
        await site.store.write((tx) => enqueue(tx, selfTest(site.clock.wall())));
      }
      const error = await site.store
        .write((tx) => enqueue(tx, selfTest(site.clock.wall())))
        .catch((reason: unknown) => reason);
      expect(error).to.include({ code: status.RESOURCE_EXHAUSTED });
    });
  });

  describe('events and heartbeats', () => {
    it('stores an event once however often it is sent, and acknowledges each time', async () => {
      const agent = site.agent(device);
      await agent.hello();
      const id = newId();
      const tamper = () =>
        agent.say({
          $case: 'event',
          value: {
            id,
            occurredAt: undefined,
            event: { $case: 'tamperDetected', value: { detail: 'table deleted', restoredAt: undefined } },
          },
        });
      await tamper();
      await tamper();
      expect(agent.transport.payloads('eventAck').map(({ eventIds }) => eventIds)).to.deep.equal([
        [id],
        [id],
      ]);
      expect(await site.audited(device)).to.deep.equal(['device.tamper']);
    });

    it('asks for the full state when a heartbeat does not fit, once for each difference', async () => {
      const agent = site.agent(device);
      await agent.hello();
      const beat = (observedHash: Buffer) =>
        agent.say({
          $case: 'heartbeat',
          value: {
            observedGeneration: 0n,
            appliedHash: Buffer.alloc(0),
            observedHash,
            droppedEvents: 0n,
            unknownMessages: 0,
          },
        });
      await beat(Buffer.alloc(32, 1));
      await beat(Buffer.alloc(32, 1));
      expect(agent.transport.payloads('reportFullState')).to.have.length(1);
      await beat(Buffer.alloc(32, 2));
      expect(agent.transport.payloads('reportFullState')).to.have.length(2);
    });
  });
});

function lastOf(said: readonly ConnectResponse[]): ConnectResponse {
  const last = said.at(-1);
  if (!last) throw new Error('the server said nothing');
  return last;
}
