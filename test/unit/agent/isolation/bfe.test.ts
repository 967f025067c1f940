import { expect } from 'chai';
import { IsolationOwner } from '../../../../agent/isolation/owner.js';
import { ApplyStatus } from '../../../../shared/gen/cordon/v1/agent_service.js';
import { EnforcerKind, IsolationState, Verification } from '../../../../shared/gen/cordon/v1/isolation.js';
import { FakeStore, settled, silent } from '../../../fakes/agent-owner.js';
import { desired, isolate, release } from '../../../fakes/isolation.js';
import { WfpSite } from '../../../fakes/wfp-site.js';

const {
  ISOLATION_STATE_ISOLATED: ISOLATED,
  ISOLATION_STATE_DEGRADED: DEGRADED,
  ISOLATION_STATE_RELEASED: RELEASED,
  ISOLATION_STATE_RELEASING: RELEASING,
} = IsolationState;

describe('an isolation that the filter engine of Windows keeps', () => {
  const nothing = { ended: 0, remaining: [] };
  let site: WfpSite;
  let owner: IsolationOwner;
  let generation: bigint;

  beforeEach(async () => {
    generation = 0n;
    site = new WfpSite(() => Promise.resolve(nothing));
    const { clock, enforcer } = site;
    owner = new IsolationOwner({
      clock,
      bootId: 'boot',
      log: silent,
      enforcer,
      store: new FakeStore(),
      lookup: () => Promise.resolve([]),
      probe: () => Promise.resolve(true),
      servers: () => [{ address: '192.0.2.1', port: 7443 }],
      canaries: () => [],
      helpers: [],
      tell: () => undefined,
    });
    await owner.start();
  });
  afterEach(() => owner.stop());

  const handle = (directive: ReturnType<typeof isolate>): ReturnType<IsolationOwner['handle']> => {
    const { clock } = site;
    const now = { bootId: 'boot', sinceBootMs: clock.sinceBoot(), wallMs: clock.wall() };
    return owner.handle(desired((generation += 1n), directive), now);
  };
  const pass = async (ms: number): Promise<void> => {
    for (let passed = 0; passed < ms; passed += 50) {
      for (let turn = 0; turn < 20; turn++) await settled();
      site.clock.advance(50);
    }
    for (let turn = 0; turn < 40; turn++) await settled();
  };

  it('is verified, and nothing is left of it after the release', async () => {
    expect((await handle(isolate())).status).to.equal(ApplyStatus.APPLY_STATUS_APPLIED);
    expect(owner.observed()).to.include({ state: ISOLATED, enforcer: EnforcerKind.ENFORCER_KIND_WFP });
    expect(owner.observed().evidence?.verification).to.equal(Verification.VERIFICATION_VERIFIED);
    await handle(release());
    expect(owner.observed().state).to.equal(RELEASED);
    expect(site.held()).to.deep.equal([]);
  });

  it('is reported as not in force about a second after BFE stopped, and in force when it runs again', async () => {
    await handle(isolate());
    site.bfe.stop();
    await pass(1_100);
    const { state, degradedReason } = owner.observed();
    expect(state).to.equal(DEGRADED);
    expect(degradedReason).to.match(/^not in force: .*EPT_S_NOT_REGISTERED/);
    site.bfe.start();
    await pass(1_100);
    expect(owner.observed().state).to.equal(ISOLATED);
  });

  it('is not called released while BFE is stopped', async () => {
    await handle(isolate());
    site.bfe.stop();
    await handle(release());
    expect(owner.observed().state).to.equal(RELEASING);
    site.bfe.start();
    await pass(1_100);
    expect(owner.observed().state).to.equal(RELEASED);
    expect(site.held()).to.deep.equal([]);
  });

  it('is restored within a second when somebody deletes a filter', async () => {
    await handle(isolate());
    const held = site.held();
    const { key } = site.filter('isolated');
    site.tamper(({ filters }) => ({ filters: new Map([...filters].filter(([other]) => other !== key)) }));
    expect(site.held()).not.to.deep.equal(held);
    await pass(1_000);
    expect(site.held()).to.deep.equal(held);
    expect(owner.observed().state).to.equal(ISOLATED);
  });
});
