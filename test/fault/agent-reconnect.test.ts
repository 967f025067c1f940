import { expect } from 'chai';
import { CommandState } from '../../shared/gen/cordon/v1/command.js';
import { IsolationEndCause, IsolationState } from '../../shared/gen/cordon/v1/isolation.js';
import { Operator } from './operator.js';
import { RealAgent, type AgentSettings } from './real-agent.js';
import { RealServer, type ManagementClient } from './real-server.js';
import { TcpProxy } from './tcp-proxy.js';
import { pause, until } from './until.js';

/** Reconnect steps of 1, 2 and 4 s, and what a shared machine adds. */
const BACK_WITHIN_MS = 12_000;

interface Site {
  readonly server: RealServer;
  readonly proxy: TcpProxy;
  readonly agent: RealAgent;
  readonly operator: Operator;
}

describe('an agent behind a network that fails', () => {
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

  /** An agent of its own, so that the back-off of one fault does not slow down the next. */
  async function withAgent(settings: AgentSettings, story: (site: Site) => Promise<void>): Promise<void> {
    const proxy = await TcpProxy.open(server.agentPort);
    const agent = await RealAgent.enrol(client, server, { ...settings, agentPort: proxy.port });
    try {
      const operator = new Operator(client, agent.id);
      await until('connected', 5_000, () => operator.isCurrent());
      await story({ server, proxy, agent, operator });
    } catch (error) {
      throw new Error(`${String(error)}\n${agent.log}`, { cause: error });
    } finally {
      await agent.close();
      await proxy.close();
    }
  }

  /** Isolate, release, isolate: the last one must win. */
  async function giveOrders({ operator }: Site): Promise<{ first: string; last: string }> {
    const first = (await operator.isolate()).directiveId;
    await operator.release();
    return { first, last: (await operator.isolate()).directiveId };
  }

  /** The device enforces the newest order, each order is on record once, and none reached the filter twice. */
  async function expectCaughtUp(
    { agent, operator }: Site,
    { first, last }: { first: string; last: string },
    withinMs = BACK_WITHIN_MS,
  ): Promise<void> {
    await until('the device is current', withinMs, () => operator.isCurrent());
    const device = await operator.show();
    expect(device.generation).to.equal(4n);
    expect(device.rejection).to.equal('');
    expect(device.cloneSuspected, 'taken for a copy').to.equal(false);
    // The recording enforcer never calls itself enforced.
    expect(device.observed?.state).to.equal(IsolationState.ISOLATION_STATE_DEGRADED);
    expect(device.observed?.isolationId).to.equal(last);
    expect(agent.running.status().isolationId).to.equal(last);

    const applied = agent.history.filter((id) => id !== '');
    expect(applied.filter((id) => id === last)).to.have.length(1);
    expect(applied.filter((id) => id === first).length).to.be.at.most(1);
    expect(agent.history.at(-1)).to.equal(last);

    const isolations = await operator.isolations();
    expect(isolations.map(({ id }) => id)).to.deep.equal([last, first]);
    expect(isolations[0]?.endedAt, 'the newest is active').to.equal(undefined);
    expect(isolations[1]?.endedAt, 'the replaced one has ended').to.not.equal(undefined);
    const orders = (await operator.audited()).filter(({ action }) =>
      /isolation\.(isolate|release)/.test(action),
    );
    expect(orders).to.have.length(3);

    await operator.release();
    await until('the release is applied', 3_000, () => operator.isCurrent());
    expect(agent.running.status().state).to.equal(IsolationState.ISOLATION_STATE_RELEASED);
    const [ended] = await operator.isolations();
    expect(ended?.endCause).to.equal(IsolationEndCause.ISOLATION_END_CAUSE_OPERATOR);
  }

  it('catches up after a cut between two orders', () =>
    withAgent({}, async (site) => {
      const { directiveId: first } = await site.operator.isolate();
      site.proxy.cut();
      await site.operator.release();
      const { directiveId: last } = await site.operator.isolate();
      await expectCaughtUp(site, { first, last });
      expect(site.proxy.accepted).to.be.at.least(2);
    }));

  it('keeps its stream over a silence shorter than the keepalive', () =>
    withAgent({ keepaliveSeconds: 5 }, async (site) => {
      site.proxy.hush();
      const orders = await giveOrders(site);
      await pause(1_500);
      expect(site.agent.running.connected).to.equal(true);
      site.proxy.speak();
      await expectCaughtUp(site, orders, 3_000);
      expect(site.proxy.accepted, 'connections').to.equal(1);
    }));

  it('notices by itself a silence longer than keepalive and timeout, and comes back when it ends', () =>
    withAgent({ keepaliveSeconds: 1 }, async (site) => {
      site.proxy.hush();
      const orders = await giveOrders(site);
      await until('the agent notices', 3_000, () => !site.agent.running.connected);
      await pause(3_000);
      site.proxy.speak();
      await expectCaughtUp(site, orders);
    }));

  it('leaves a half-open connection whose other side is gone', () =>
    withAgent({ keepaliveSeconds: 1 }, async (site) => {
      site.proxy.halfOpen();
      const orders = await giveOrders(site);
      await expectCaughtUp(site, orders, 6_000);
      expect(site.proxy.accepted, 'connections').to.equal(2);
    }));

  it('obeys over a link with 200 ms delay, also after a cut', () =>
    withAgent({ keepaliveSeconds: 5 }, async (site) => {
      site.proxy.delay(200);
      const { directiveId: first } = await site.operator.isolate();
      await until('the first order arrives', 3_000, () => site.operator.isCurrent());
      expect(site.proxy.accepted, 'connections').to.equal(1);
      site.proxy.cut();
      await site.operator.release();
      const { directiveId: last } = await site.operator.isolate();
      await expectCaughtUp(site, { first, last });
    }));

  it('goes on trying while it is refused, and comes back when it no longer is', () =>
    withAgent({}, async (site) => {
      site.proxy.refuse(true);
      site.proxy.cut();
      const orders = await giveOrders(site);
      await until('it tries again and again', 10_000, () => site.proxy.accepted >= 4);
      expect(site.agent.running.connected).to.equal(false);
      site.proxy.refuse(false);
      await expectCaughtUp(site, orders);
    }));

  it('ends an isolation that was sent into a dead connection and released before it arrived', () =>
    withAgent({}, async ({ proxy, agent, operator }) => {
      proxy.hush();
      const { directiveId: lost } = await operator.isolate();
      const sent = async (): Promise<boolean> => (await operator.isolations())[0]?.deliveredAt !== undefined;
      await until('it is on record as sent', 2_000, sent);
      await operator.release();
      await until('the agent notices', 3_000, () => !agent.running.connected);
      proxy.speak();
      await until('the device is current', BACK_WITHIN_MS, () => operator.isCurrent());
      expect(agent.running.status().state).to.equal(IsolationState.ISOLATION_STATE_RELEASED);
      expect(agent.history).to.not.include(lost);
      const [isolation] = await operator.isolations();
      expect(isolation?.id).to.equal(lost);
      expect(isolation?.endedAt, 'ended').to.not.equal(undefined);
      expect(isolation?.endCause).to.equal(IsolationEndCause.ISOLATION_END_CAUSE_OPERATOR);
    }));

  it('runs a command that was given during a fault, once', () =>
    withAgent({}, async ({ proxy, agent, operator }) => {
      proxy.hush();
      const id = await operator.selfTest();
      await until('the agent notices', 3_000, () => !agent.running.connected);
      proxy.speak();
      await until('the command has ended', BACK_WITHIN_MS, async () =>
        isFinal((await operator.command(id)).state),
      );
      const command = await operator.command(id);
      expect(command.state).to.equal(CommandState.COMMAND_STATE_SUCCEEDED);
      // Sent once into the dead connection, and once to where it arrived.
      expect(command.deliveryAttempts).to.equal(2);
    }));

  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    it(`comes back to a server that was ended with ${signal} and started again`, () =>
      withAgent({}, async (site) => {
        const { directiveId: first } = await site.operator.isolate();
        await server.kill(signal);
        await server.start();
        await until('the server answers', 5_000, () => answers(site.operator));
        await site.operator.release();
        const { directiveId: last } = await site.operator.isolate();
        await expectCaughtUp(site, { first, last });
      }));
  }
});

function isFinal(state: CommandState): boolean {
  return ![
    CommandState.COMMAND_STATE_PENDING,
    CommandState.COMMAND_STATE_ACCEPTED,
    CommandState.COMMAND_STATE_RUNNING,
  ].includes(state);
}

function answers(operator: Operator): Promise<boolean> {
  return operator.show().then(
    () => true,
    () => false,
  );
}
