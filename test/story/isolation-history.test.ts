import { expect } from 'chai';
import {
  IsolationEndCause,
  IsolationMode,
  IsolationState,
  ObservedIsolation,
} from '../../shared/gen/cordon/v1/isolation.js';
import { newId } from '../../shared/ids.js';
import { toTimestamp } from '../../shared/time.js';
import { LinkSite, until, type ToldAgent } from './server-link-site.js';

const { ISOLATION_STATE_RELEASED: RELEASED, ISOLATION_STATE_ISOLATED: ISOLATED } = IsolationState;

describe('the history of the isolations of a device', () => {
  let site: LinkSite;
  let device: string;
  let agent: ToldAgent;

  beforeEach(async () => {
    site = await LinkSite.open();
    device = await site.device('web-1');
    agent = site.agent(device);
    await agent.hello();
    await answer({ state: RELEASED });
  });

  afterEach(() => site.close());

  /** The agent answers the newest desired state. */
  async function answer(observed: Partial<ObservedIsolation>): Promise<void> {
    if (!agent.desired) throw new Error('no desired state came');
    await agent.applied(agent.desired, { mode: IsolationMode.ISOLATION_MODE_MANUAL, ...observed });
  }

  /** An order arrives at the agent. Returns the id of its directive. */
  async function orderArrives(action: 'isolate' | 'release'): Promise<string> {
    const generation = BigInt(await site.order(device, action));
    await until(() => agent.desired?.generation === generation);
    return agent.desired?.directive?.id ?? '';
  }

  const record = (id: string) =>
    site.store.read.selectFrom('isolations').selectAll().where('id', '=', id).executeTakeFirstOrThrow();

  it('ends one that was sent, lost and taken back when it was taken back, whatever ended the one before', async () => {
    const first = await orderArrives('isolate');
    await answer({ state: ISOLATED });
    site.clock.advance(60_000);
    const ended = {
      state: RELEASED,
      isolationId: first,
      endCause: IsolationEndCause.ISOLATION_END_CAUSE_DEADLINE,
      endedAt: toTimestamp(site.clock.wall()),
    };
    await agent.applied({ ...(agent.desired ?? never()), nonce: 0n }, ended);
    await until(() => agent.desired?.generation === 3n);
    await answer(ended);

    const lost = await orderArrives('isolate');
    site.clock.advance(1_000);
    await until(async () => (await record(lost)).delivered_at !== null);
    await site.order(device, 'release');
    agent.session.closed();
    agent = site.agent(device);
    await agent.hello();
    await answer(ended);
    expect(await record(lost)).to.include({
      ended_at: site.clock.wall(),
      end_cause: IsolationEndCause.ISOLATION_END_CAUSE_OPERATOR,
    });
    expect((await record(first)).end_cause).to.equal(IsolationEndCause.ISOLATION_END_CAUSE_DEADLINE);
  });

  it('keeps one active that an agent without memory is about to be sent again', async () => {
    const id = await orderArrives('isolate');
    await answer({ state: ISOLATED });
    agent.session.closed();
    agent = site.agent(device);
    await agent.hello();
    expect((await record(id)).ended_at).to.equal(null);
    expect(agent.desired?.directive?.id).to.equal(id);
  });

  for (const state of [ISOLATED, RELEASED] as const) {
    it(`is not confused by a late event of an older one (${IsolationState[state]})`, async () => {
      const first = await orderArrives('isolate');
      await answer({ state: ISOLATED });
      const second = await orderArrives('isolate');
      await answer({ state: ISOLATED });
      expect((await record(first)).end_cause).to.equal(IsolationEndCause.ISOLATION_END_CAUSE_REPLACED);
      const observed = ObservedIsolation.fromPartial({ state, isolationId: first });
      await agent.say({
        $case: 'event',
        value: {
          id: newId(),
          occurredAt: undefined,
          event: { $case: 'isolationChanged', value: { observed } },
        },
      });
      expect((await record(second)).ended_at).to.equal(null);
    });
  }
});

function never(): never {
  throw new Error('no desired state came');
}
