import { status } from '@grpc/grpc-js';
import { expect } from 'chai';
import { ApplyStatus } from '../../shared/gen/cordon/v1/agent_service.js';
import {
  IsolationAction,
  IsolationEndCause,
  IsolationMode,
  IsolationState,
  ObservedIsolation,
  Verification,
} from '../../shared/gen/cordon/v1/isolation.js';
import { newId } from '../../shared/ids.js';
import { Malformed } from '../../server/link/transport.js';
import { LinkSite, helloOf, until } from './server-link-site.js';

describe('the server side of the stream', () => {
  let site: LinkSite;
  let device: string;

  beforeEach(async () => {
    site = await LinkSite.open();
    device = await site.device('web-1');
  });

  afterEach(() => site.close());

  describe('opening', () => {
    it('answers Hello with Welcome, then sends the desired state that the agent does not know', async () => {
      const agent = site.agent(device);
      await agent.hello();
      const cases = agent.transport.said.map(({ payload }) => payload?.$case);
      expect(cases).to.deep.equal(['welcome', 'desiredState']);
      expect(agent.transport.said.map(({ seq }) => seq)).to.deep.equal([1n, 2n]);
      expect(agent.desired?.generation).to.equal(1n);
    });

    it('sends nothing to an agent that enforces the newest state, and counts it as observed', async () => {
      const first = site.agent(device);
      await first.hello();
      const state = first.desired;
      if (!state) throw new Error('no desired state');
      await first.applied(state, { state: IsolationState.ISOLATION_STATE_RELEASED, isolationId: '' });
      first.session.closed();

      const second = site.agent(device);
      await second.hello({ generation: state.generation, hash: state.contentHash });
      expect(second.transport.payloads('desiredState')).to.have.length(0);
      expect((await site.row(device)).observed_generation).to.equal(1);
    });

    it('outgrows an agent that is ahead of a restored store', async () => {
      const agent = site.agent(device);
      await agent.hello({ generation: 41n, hash: Buffer.alloc(32, 1) });
      expect(agent.desired?.generation).to.equal(42n);
    });

    it('adopts a manual isolation that a restored store has lost, and does not end it', async () => {
      const agent = site.agent(device);
      const hello = helloOf(device, { generation: 9n, hash: Buffer.alloc(32, 1) });
      if (hello.$case !== 'hello') throw new Error('not a Hello');
      const isolationId = newId();
      const observed = ObservedIsolation.fromPartial({
        state: IsolationState.ISOLATION_STATE_ISOLATED,
        mode: IsolationMode.ISOLATION_MODE_MANUAL,
        isolationId,
        reason: 'malware',
        requestedBy: 'ada',
        enforcedAt: { seconds: 1000n, nanos: 0 },
        until: { seconds: 8200n, nanos: 0 },
      });
      await agent.say({ $case: 'hello', value: { ...hello.value, observed } });
      expect(agent.desired?.generation).to.equal(10n);
      expect(agent.desired?.directive).to.deep.include({
        id: isolationId,
        action: IsolationAction.ISOLATION_ACTION_ISOLATE,
        requestedBy: 'ada',
        releaseDelay: { seconds: 7200n, nanos: 0 },
      });
      expect(await site.audited(device)).to.deep.equal(['isolation.adopted']);
    });

    const refusals: [string, (agent: ReturnType<LinkSite['agent']>) => Promise<void>, RegExp][] = [
      [
        'a first message that is not Hello',
        (agent) => agent.say({ $case: 'goodbye', value: { reason: '' } }),
        /first message/,
      ],
      ['a sequence that does not start at 1', (agent) => agent.say(helloOf(device), 7n), /seq is 7/],
      ['a Hello for another device', (agent) => agent.say(helloOf(newId())), /certificate belongs to/],
      [
        'bytes that are no message',
        (agent) => agent.session.receive(new Malformed('invalid wire type')),
        /wire type/,
      ],
      [
        'a message without a payload',
        (agent) => agent.hello().then(() => agent.say(undefined)),
        /without a payload/,
      ],
      ['a second Hello', (agent) => agent.hello().then(() => agent.hello()), /second Hello/],
      [
        'a gap in the sequence',
        (agent) => agent.hello().then(() => agent.say(helloOf(device), 3n)),
        /seq is 3/,
      ],
    ];
    for (const [what, story, message] of refusals) {
      it(`refuses ${what}`, async () => {
        const error = await story(site.agent(device)).then(
          () => undefined,
          (reason: unknown) => reason,
        );
        expect(error).to.include({ code: status.INVALID_ARGUMENT });
        expect((error as Error).message).to.match(message);
      });
    }

    it('refuses an agent that speaks only a later protocol', async () => {
      const hello = helloOf(device);
      if (hello.$case !== 'hello') throw new Error('not a Hello');
      const later = { ...hello.value, protocolMin: 2, protocolMax: 3 };
      const error = await site
        .agent(device)
        .say({ $case: 'hello', value: later })
        .catch((reason: unknown) => reason);
      expect(error).to.include({ code: status.FAILED_PRECONDITION });
    });

    it('ends a stream on which nothing is said for 15 s', () => {
      const agent = site.agent(device);
      site.clock.advance(14_999);
      expect(agent.transport.ending).to.equal(undefined);
      site.clock.advance(1);
      expect(agent.transport.ending?.code).to.equal(status.INVALID_ARGUMENT);
    });
  });

  describe('desired state', () => {
    it('carries an order to the device and becomes observed with its report', async () => {
      const agent = site.agent(device);
      await agent.hello();
      const generation = await site.order(device, 'isolate');
      expect((await site.row(device)).observed_generation).to.be.below(generation);
      // The first state is still unanswered: the order waits for that answer.
      expect(agent.desired?.generation).to.equal(1n);
      await agent.applied(agent.desired ?? missing(), { state: IsolationState.ISOLATION_STATE_RELEASED });
      await until(() => agent.desired?.generation === BigInt(generation));
      expect(agent.desired?.directive?.action).to.equal(IsolationAction.ISOLATION_ACTION_ISOLATE);
      await agent.applied(agent.desired ?? missing());
      expect((await site.row(device)).observed_generation).to.equal(generation);
      const confirmation = agent.transport.payloads('stateConfirmation').at(-1);
      expect(confirmation?.isolationId).to.equal(agent.desired?.directive?.id);
    });

    it('sends only the newest of several orders that came while one was unanswered', async () => {
      const agent = site.agent(device);
      await agent.hello();
      const first = agent.desired ?? missing();
      await site.order(device, 'isolate');
      await site.order(device, 'release');
      const last = await site.order(device, 'isolate');
      await agent.applied(first, { state: IsolationState.ISOLATION_STATE_RELEASED });
      await until(() => agent.desired?.generation === BigInt(last));
      expect(agent.transport.payloads('desiredState').map(({ generation }) => generation)).to.deep.equal([
        1n,
        BigInt(last),
      ]);
    });

    it('does not take an answer with an old nonce for an answer', async () => {
      const agent = site.agent(device);
      await agent.hello();
      await agent.applied({ ...(agent.desired ?? missing()), nonce: 99n });
      expect((await site.row(device)).observed_generation).to.equal(0);
    });

    it('never believes that a device observed more than it was sent', async () => {
      const agent = site.agent(device);
      await agent.hello();
      await agent.applied({ ...(agent.desired ?? missing()), generation: 1000n });
      expect((await site.row(device)).observed_generation).to.equal(1);
    });

    it('keeps a refused state pending and remembers why', async () => {
      const agent = site.agent(device);
      await agent.hello();
      await agent.say({
        $case: 'stateReport',
        value: {
          nonce: agent.desired?.nonce ?? 0n,
          observedGeneration: 0n,
          appliedHash: Buffer.alloc(0),
          status: ApplyStatus.APPLY_STATUS_REJECTED,
          observed: ObservedIsolation.fromPartial({ state: IsolationState.ISOLATION_STATE_RELEASED }),
          violations: [{ field: 'manual_settings.exclusions[0].name', description: 'is empty' }],
        },
      });
      const row = await site.row(device);
      expect(row.observed_generation).to.equal(0);
      expect(row.rejection).to.equal('manual_settings.exclusions[0].name: is empty');
    });

    it('repairs a lost poke within 5 s', async () => {
      const agent = site.agent(device);
      await agent.hello();
      await agent.applied(agent.desired ?? missing(), { state: IsolationState.ISOLATION_STATE_RELEASED });
      const generation = await site.order(device, 'isolate', { poke: false });
      expect(agent.desired?.generation).to.equal(1n);
      site.clock.advance(5_000);
      await until(() => agent.desired?.generation === BigInt(generation));
    });

    it('lets the directive follow when the device ends the isolation by itself', async () => {
      const agent = site.agent(device);
      await agent.hello();
      await agent.applied(agent.desired ?? missing(), { state: IsolationState.ISOLATION_STATE_RELEASED });
      const generation = await site.order(device, 'isolate');
      await until(() => agent.desired?.generation === BigInt(generation));
      const isolate = agent.desired ?? missing();
      await agent.applied(isolate);
      await agent.applied(
        { ...isolate, nonce: 0n },
        {
          state: IsolationState.ISOLATION_STATE_RELEASED,
          endCause: IsolationEndCause.ISOLATION_END_CAUSE_DEADLINE,
        },
      );
      await until(() => agent.desired?.generation === BigInt(generation + 1));
      expect(agent.desired?.directive?.action).to.equal(IsolationAction.ISOLATION_ACTION_RELEASE);
      expect(await site.audited(device)).to.deep.equal(['isolation.isolate', 'isolation.ended']);
    });

    it('keeps four timestamps of an isolation and the cause of its end', async () => {
      const agent = site.agent(device);
      await agent.hello();
      await agent.applied(agent.desired ?? missing(), { state: IsolationState.ISOLATION_STATE_RELEASED });
      await site.order(device, 'isolate');
      await until(() => agent.desired?.generation === 2n);
      site.clock.advance(300);
      await agent.applied(agent.desired ?? missing(), {
        mode: IsolationMode.ISOLATION_MODE_MANUAL,
        evidence: {
          verification: Verification.VERIFICATION_VERIFIED,
          checks: [],
          checkedAt: undefined,
          connectionsTerminated: 3,
          connectionsRemaining: 0,
          rulesHash: Buffer.alloc(32),
        },
      });
      const isolation = await site.store.read.selectFrom('isolations').selectAll().executeTakeFirstOrThrow();
      expect(isolation).to.include({ end_cause: 0, ended_at: null, reason: 'malware', requested_by: 'ada' });
      expect(isolation.delivered_at).to.be.at.least(isolation.issued_at);
      expect(isolation.enforced_at).to.be.at.least(Number(isolation.delivered_at));
      expect(isolation.verified_at).to.equal(isolation.enforced_at);

      const isolationId = isolation.id;
      await site.order(device, 'release');
      await until(() => agent.desired?.generation === 3n);
      await agent.applied(agent.desired ?? missing(), {
        state: IsolationState.ISOLATION_STATE_RELEASED,
        isolationId,
        endCause: IsolationEndCause.ISOLATION_END_CAUSE_OPERATOR,
      });
      const ended = await site.store.read.selectFrom('isolations').selectAll().executeTakeFirstOrThrow();
      expect(ended).to.include({
        end_cause: IsolationEndCause.ISOLATION_END_CAUSE_OPERATOR,
        released_by: 'ada',
      });
      expect(ended.ended_at).to.be.a('number');
    });
  });

  describe('two streams of one device', () => {
    it('ends the first, records it, and refuses what the first still says', async () => {
      const first = site.agent(device, '198.51.100.1:1');
      await first.hello();
      const second = site.agent(device, '198.51.100.2:2');
      await second.hello();
      expect(first.transport.ending?.code).to.equal(status.ABORTED);
      expect(await site.audited(device)).to.deep.equal(['stream.replaced']);
      const error = await first.applied(first.desired ?? missing()).catch((reason: unknown) => reason);
      expect(error).to.include({ code: status.ABORTED });
      expect((await site.row(device)).observed_generation).to.equal(0);
      expect(site.registry.get(device)).to.equal(second.session);
    });

    it('raises the clone alarm when two agents alternate with one identity, not when one agent comes back', async () => {
      const original = site.agent(device);
      await original.hello();
      const nonce = original.transport.payloads('welcome')[0]?.nextSessionNonce;
      await original.say({ $case: 'goodbye', value: { reason: 'restart' } });
      const again = site.agent(device);
      await again.hello({ nonce });
      expect((await site.row(device)).clone_suspected, 'same agent').to.equal(0);
      await again.say({ $case: 'goodbye', value: { reason: '' } });
      const copy = site.agent(device);
      await copy.hello({ nonce: Buffer.alloc(16, 7) });
      expect((await site.row(device)).clone_suspected, 'another agent').to.equal(1);
      expect(await site.audited(device)).to.include('device.clone_suspected');
    });
  });
});

function missing(): never {
  throw new Error('no desired state came');
}
