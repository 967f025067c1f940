import { expect } from 'chai';
import { RecordingEnforcer } from '../../../../agent/enforce/recording.js';
import { SIMULATION } from '../../../../agent/isolation/enforcement.js';
import { IsolationOwner } from '../../../../agent/isolation/owner.js';
import { ApplyStatus, type DesiredState } from '../../../../shared/gen/cordon/v1/agent_service.js';
import { Exclusion } from '../../../../shared/gen/cordon/v1/exclusion.js';
import {
  CheckResult,
  EnforcerKind,
  IsolationEndCause,
  IsolationMode,
  IsolationState,
  Verification,
} from '../../../../shared/gen/cordon/v1/isolation.js';
import { LocalReleaseSettings } from '../../../../shared/gen/cordon/v1/policy.js';
import { fromDuration, toDuration } from '../../../../shared/time.js';
import { FakeStore, OwnerSite, settled, silent } from '../../../fakes/agent-owner.js';
import { FakeClock } from '../../../fakes/fake-clock.js';
import {
  desired,
  HOUR_MS,
  ISOLATION,
  isolate,
  OTHER_ISOLATION,
  release,
  settings,
} from '../../../fakes/isolation.js';

const { ISOLATION_STATE_ISOLATED: ISOLATED, ISOLATION_STATE_RELEASED: RELEASED } = IsolationState;
const {
  APPLY_STATUS_APPLIED: APPLIED,
  APPLY_STATUS_DEGRADED: DEGRADED,
  APPLY_STATUS_REJECTED: REJECTED,
} = ApplyStatus;

describe('the owner of the isolation', () => {
  let clock: FakeClock;
  let site: OwnerSite;

  beforeEach(async () => {
    clock = new FakeClock();
    site = new OwnerSite(clock);
    await site.owner.start();
  });
  afterEach(() => site.owner.stop());

  const handle = (state: ReturnType<typeof desired>): ReturnType<IsolationOwner['handle']> =>
    site.owner.handle(state, site.now());

  it('has the decision on disk before the packet filter changes, and the outcome before it answers', async () => {
    const apply = site.enforcer.apply.bind(site.enforcer);
    let onDiskAtApply = '';
    site.enforcer.apply = (plan) => {
      onDiskAtApply = site.store.content.state.kind;
      return apply(plan);
    };
    expect((await handle(desired(1n, isolate()))).status).to.equal(APPLIED);
    expect(onDiskAtApply).to.equal('ENFORCING');
    expect(site.store.kinds).to.deep.equal(['ENFORCING', 'ISOLATED']);
  });

  it('proves an isolation and says when it ends', async () => {
    await handle(desired(1n, isolate()));
    const observed = site.owner.observed();
    expect(observed).to.include({ state: ISOLATED, isolationId: ISOLATION, requestedBy: 'ann' });
    expect(observed.evidence?.verification).to.equal(Verification.VERIFICATION_VERIFIED);
    expect(observed.enforceLatency && fromDuration(observed.enforceLatency)).to.equal(0);
    expect(site.enforcer.plan?.expiresInMs).to.equal(HOUR_MS);
    site.serverReachable = false;
    await site.owner.selfTest();
    expect(site.owner.observed().evidence?.verification).to.equal(Verification.VERIFICATION_UNVERIFIED);
  });

  it('lets the delay of a directive win over that of the settings', async () => {
    await handle(desired(1n, isolate(ISOLATION, { releaseDelay: toDuration(120_000) })));
    expect(site.enforcer.plan?.expiresInMs).to.equal(120_000);
  });

  it('refuses a desired state as a whole and keeps what is enforced', async () => {
    await handle(desired(2n, isolate()));
    const before = site.enforcer.history.length;
    const lower = await handle(desired(1n, release()));
    expect(lower.violations.map(({ field }) => field)).to.deep.equal(['generation']);
    const wrongHash = await handle({ ...desired(3n, release()), contentHash: Buffer.alloc(32) });
    expect(wrongHash).to.deep.include({ status: REJECTED });
    expect(wrongHash.violations[0]?.field).to.equal('content_hash');
    const bad = settings({ releaseDelay: toDuration(5_000) });
    const delays = await handle(desired(3n, release(), { manualSettings: bad }));
    expect(delays.violations[0]?.field).to.equal('manual_settings.release_delay');
    expect(site.enforcer.history).to.have.length(before);
    expect(site.owner.appliedState?.generation).to.equal(2n);
  });

  it('refuses settings of a release at the device that could not be checked when somebody needs them', async () => {
    const fields = async (change: Partial<DesiredState>): Promise<string[]> => {
      const answer = await handle(desired(1n, isolate(), change));
      return answer.violations.map(({ field }) => field);
    };
    const local = LocalReleaseSettings.fromPartial({ passwordHash: '$scrypt$ln=30,r=8,p=1$AAAA$AAAA' });
    expect(await fields({ localRelease: local })).to.deep.equal(['local_release.password_hash']);
    const users = LocalReleaseSettings.fromPartial({ users: ['ann', 'a\nb', 'ann'] });
    expect(await fields({ localRelease: users })).to.deep.equal([
      'local_release.users[1]',
      'local_release.users[2]',
    ]);
    const trustedDetectors = Array.from({ length: 65 }, (_, index) => `tool ${index}`);
    expect(await fields({ trustedDetectors })).to.deep.equal(['trusted_detectors']);
    expect(await fields({ trustedDetectors: ['x'.repeat(65)] })).to.deep.equal(['trusted_detectors[0]']);
    expect(site.owner.isolated).to.equal(false);
    expect(await fields({ trustedDetectors: ['edr'], localRelease: undefined })).to.deep.equal([]);
  });

  it('does nothing for the same state again', async () => {
    await handle(desired(1n, isolate()));
    await handle(desired(1n, isolate()));
    await handle(desired(2n, isolate()));
    expect(site.enforcer.history).to.have.length(1);
    expect(site.owner.appliedState?.generation).to.equal(2n);
  });

  it('changes settings with one swap and never clears in between', async () => {
    await handle(desired(1n, isolate()));
    const exclusions = [
      Exclusion.fromPartial({ name: 'web', protocol: 6, remotePorts: [{ first: 443, last: 443 }] }),
    ];
    await handle(desired(2n, isolate(), { manualSettings: settings({ exclusions }) }));
    expect(site.enforcer.history.map((plan) => plan?.rules.length)).to.deep.equal([0, 1]);
  });

  it('goes on watching and ends on time when its news cannot be kept', async () => {
    site.events.push = () => {
      throw new Error('no space left on device');
    };
    expect((await handle(desired(1n, isolate()))).status).to.equal(APPLIED);
    expect(site.enforcer.watched).to.equal(true);
    await site.owner.confirm(ISOLATION);
    clock.advance(HOUR_MS);
    await settled();
    expect(site.owner.observed().state).to.equal(RELEASED);
  });

  it('never takes up a directive again that it carried out, however many isolations came in between', async () => {
    const automaticSettings = settings();
    await handle(desired(1n, release(), { automaticSettings }));
    for (let count = 0; count < 40; count += 1) {
      await site.owner.isolateAutomatically({ reason: 'a test', source: 'a test' });
      clock.advance(HOUR_MS);
      await settled();
    }
    await site.owner.isolateAutomatically({ reason: 'a test', source: 'a test' });
    await handle(desired(2n, release(), { automaticSettings: settings({ notificationText: 'changed' }) }));
    expect(site.owner.observed().state).to.equal(ISOLATED);
  });

  it('counts the characters of a reason as the server does', async () => {
    const reason = '\u{1f512}'.repeat(1000);
    expect((await handle(desired(1n, isolate(ISOLATION, { reason })))).violations).to.deep.equal([]);
    const longer = await handle(desired(2n, isolate(OTHER_ISOLATION, { reason: `${reason}.` })));
    expect(longer.violations.map(({ field }) => field)).to.deep.equal(['directive.reason']);
  });

  it('does not start an isolation again that has ended here', async () => {
    await handle(desired(1n, isolate()));
    await site.owner.confirm(ISOLATION);
    clock.advance(HOUR_MS);
    await settled();
    expect(site.owner.observed()).to.include({
      state: RELEASED,
      endCause: IsolationEndCause.ISOLATION_END_CAUSE_DEADLINE,
    });
    await handle(desired(2n, isolate()));
    expect(site.owner.observed().state).to.equal(RELEASED);
    await handle(desired(3n, isolate(OTHER_ISOLATION)));
    expect(site.owner.observed().state).to.equal(ISOLATED);
  });

  it('releases whatever is active, and leaves nothing', async () => {
    await handle(desired(1n, undefined, { automaticSettings: settings() }));
    const id = await site.owner.isolateAutomatically({ reason: 'malware', source: 'ioc-scan' });
    expect(site.owner.observed()).to.include({
      mode: IsolationMode.ISOLATION_MODE_AUTOMATIC,
      isolationId: id,
    });
    await handle(desired(2n, release(), { automaticSettings: settings() }));
    expect(site.owner.observed().state).to.equal(RELEASED);
    expect(site.enforcer.plan).to.equal(undefined);
    expect(site.enforcer.watched).to.equal(false);
    expect(clock.pending).to.equal(0);
  });

  it('does not end a later automatic isolation by a release that was carried out before', async () => {
    const automaticSettings = settings();
    await handle(desired(1n, release(), { automaticSettings }));
    await site.owner.isolateAutomatically({ reason: 'malware', source: 'ioc-scan' });
    await handle(desired(2n, release(), { automaticSettings }));
    expect(site.owner.observed().state).to.equal(ISOLATED);
  });

  it('lets an operator take over an automatic isolation, never a detection a manual one', async () => {
    const automaticSettings = settings();
    await handle(desired(1n, undefined, { automaticSettings }));
    await site.owner.isolateAutomatically({ reason: 'malware', source: 'ioc-scan' });
    await handle(desired(2n, isolate(), { automaticSettings }));
    expect(site.owner.observed()).to.include({
      mode: IsolationMode.ISOLATION_MODE_MANUAL,
      isolationId: ISOLATION,
    });
    expect(await site.owner.isolateAutomatically({ reason: 'more', source: 'ioc-scan' })).to.equal('');
    expect(site.owner.observed().isolationId).to.equal(ISOLATION);
    expect(site.enforcer.history).to.not.include(undefined);
  });

  it('restores removed rules at once and tells about it', async () => {
    await handle(desired(1n, isolate()));
    site.enforcer.tamper();
    await settled();
    expect(site.enforcer.plan?.isolationId).to.equal(ISOLATION);
    expect(site.told()).to.include('tamperDetected');
    expect(site.owner.observed().state).to.equal(ISOLATED);
  });

  it('finds removed rules by itself where nothing told about it', async () => {
    await handle(desired(1n, isolate()));
    site.enforcer.plan = undefined;
    clock.advance(30_000);
    await settled();
    expect(site.enforcer.plan).to.not.equal(undefined);
  });

  it('enforces again after kill -9 at any point, and keeps the confirmation', async () => {
    await handle(desired(1n, isolate()));
    await site.owner.confirm(ISOLATION);
    await site.restart();
    clock.advance(120_000);
    await settled();
    expect(site.owner.observed().state).to.equal(ISOLATED);
    expect(site.enforcer.history).to.not.include(undefined);
  });

  it('keeps the time for the confirmation running across a restart', async () => {
    await handle(desired(1n, isolate()));
    clock.advance(40_000);
    await site.restart();
    clock.advance(20_000);
    await settled();
    expect(site.owner.observed().endCause).to.equal(IsolationEndCause.ISOLATION_END_CAUSE_UNCONFIRMED);
  });

  it('finishes after a crash between a decision and its effect', async () => {
    await handle(desired(1n, isolate()));
    const { state } = site.store.content;
    if (state.kind !== 'ISOLATED') throw new Error('not isolated');
    site.store.content = { ...site.store.content, state: { kind: 'ENFORCING', isolation: state.isolation } };
    site.enforcer.plan = undefined;
    await site.restart();
    expect(site.enforcer.history.at(-1)?.isolationId).to.equal(ISOLATION);
    site.store.content = {
      ...site.store.content,
      state: { kind: 'RELEASING', ending: undefined, problem: '' },
    };
    await site.restart();
    expect(site.enforcer.plan).to.equal(undefined);
    expect(site.owner.observed().state).to.equal(RELEASED);
  });

  it('removes rules that no state file explains', async () => {
    await handle(desired(1n, isolate()));
    site.store.content = { ...site.store.content, state: { kind: 'RELEASED', last: undefined } };
    await site.restart();
    expect(site.enforcer.plan).to.equal(undefined);
  });

  it('is degraded while the packet filter refuses, and isolates as soon as it can', async () => {
    site.enforcer.broken = 'nft: not found';
    const answer = await handle(desired(1n, isolate()));
    expect(answer.status).to.equal(DEGRADED);
    expect(site.owner.observed().degradedReason).to.contain('nft: not found');
    site.enforcer.broken = undefined;
    clock.advance(5_000);
    await settled();
    expect(site.owner.observed().state).to.equal(ISOLATED);
  });

  it('never says released while the rules could not be removed', async () => {
    await handle(desired(1n, isolate()));
    site.enforcer.broken = 'busy';
    expect((await handle(desired(2n, release()))).status).to.equal(DEGRADED);
    expect(site.owner.observed()).to.include({
      state: IsolationState.ISOLATION_STATE_RELEASING,
      degradedReason: 'busy',
    });
    site.enforcer.broken = undefined;
    clock.advance(5_000);
    await settled();
    expect(site.owner.observed().state).to.equal(RELEASED);
  });

  it('isolates although the disk is full, says so, and does not release without a trace', async () => {
    site.store.full = true;
    expect((await handle(desired(1n, isolate()))).status).to.equal(DEGRADED);
    expect(site.enforcer.plan).to.not.equal(undefined);
    expect(site.owner.observed().degradedReason).to.contain('cannot be saved');
    await handle(desired(2n, release()));
    expect(site.enforcer.plan).to.not.equal(undefined);
    site.store.full = false;
    clock.advance(5_000);
    await settled();
    expect(site.owner.observed()).to.include({ state: RELEASED, degradedReason: '' });
  });

  it('resolves names before it locks, keeps the old addresses when they fail, and follows new ones', async () => {
    const exclusions = [Exclusion.fromPartial({ name: 'vault', remoteHost: 'vault.example' })];
    const manualSettings = settings({ exclusions });
    site.names.set('vault.example', ['198.51.100.7']);
    await handle(desired(1n, isolate(), { manualSettings }));
    const addresses = (): string | undefined => site.enforcer.plan?.rules[0]?.remoteAddresses[0]?.text;
    expect(addresses()).to.equal('198.51.100.7');
    site.names.delete('vault.example');
    clock.advance(30_000);
    await settled();
    expect(addresses()).to.equal('198.51.100.7');
    site.names.set('vault.example', ['198.51.100.8']);
    clock.advance(29_000);
    await site.owner.confirm(ISOLATION);
    clock.advance(1_000);
    await settled();
    expect(addresses()).to.equal('198.51.100.8');
  });

  it('sets the deadline of the kernel again after a suspend, to what is left, and releases at its end', async () => {
    await handle(desired(1n, isolate()));
    await site.owner.confirm(ISOLATION);
    clock.suspend(HOUR_MS / 2);
    expect(site.enforcer.holdsForMs, 'control: the kernel did not count it').to.equal(HOUR_MS);
    await settled();
    expect(site.enforcer.holdsForMs).to.equal(HOUR_MS / 2);
    expect(site.owner.isolated).to.equal(true);
    clock.advance(HOUR_MS / 2);
    await settled();
    expect(site.owner.isolated).to.equal(false);
  });

  it('releases at once on a resume when the delay ran out in suspend, and hears of none while released', async () => {
    await handle(desired(1n, isolate()));
    await site.owner.confirm(ISOLATION);
    clock.suspend(2 * HOUR_MS);
    await settled();
    expect(site.owner.observed()).to.include({
      state: RELEASED,
      endCause: IsolationEndCause.ISOLATION_END_CAUSE_DEADLINE,
    });
    expect(clock.sleepers).to.equal(0);
  });

  it('gives the kernel its deadline back when somebody took it away, or gave it one', async () => {
    await handle(desired(1n, isolate()));
    const planned = site.enforcer.plan;
    if (!planned) throw new Error('nothing is enforced');
    site.enforcer.plan = { ...planned, expiresInMs: undefined };
    await site.owner.selfTest();
    expect(site.enforcer.holdsForMs).to.equal(HOUR_MS);
    await handle(desired(2n, isolate(), { manualSettings: settings({ releaseDelay: toDuration(0) }) }));
    expect(site.enforcer.holdsForMs).to.equal(undefined);
    site.enforcer.plan = { ...planned, expiresInMs: HOUR_MS };
    await site.owner.selfTest();
    expect(site.enforcer.holdsForMs).to.equal(undefined);
  });

  it('does not apply again and again, and ends on time, where the packet filter keeps no deadline', async () => {
    site.enforcer.keepsDeadline = false;
    await handle(desired(1n, isolate()));
    await site.owner.confirm(ISOLATION);
    for (let look = 0; look < 10; look++) {
      clock.advance(30_000);
      await settled();
    }
    expect(site.enforcer.history).to.have.length(1);
    clock.advance(HOUR_MS);
    await settled();
    expect(site.owner.observed().state).to.equal(RELEASED);
  });

  it('does not call an isolation verified that rules of others may overrule, and names the first', async () => {
    await handle(desired(1n, isolate()));
    const named = (): unknown => {
      const { evidence } = site.owner.observed();
      const check = evidence?.checks.find(({ name }) => name === 'nothing-overrules');
      return [evidence?.verification, check?.result, check?.detail];
    };
    const passed = [Verification.VERIFICATION_VERIFIED, CheckResult.CHECK_RESULT_PASSED];
    expect(named()).to.deep.equal([...passed, 'no rule of others lets through what ours block']);
    site.enforcer.overruledBy = ['filter "vpn" of others', 'another'];
    await site.owner.selfTest();
    const failed = [Verification.VERIFICATION_UNVERIFIED, CheckResult.CHECK_RESULT_FAILED];
    expect(named()).to.deep.equal([...failed, 'filter "vpn" of others (and 1 more)']);
  });

  it('never calls a simulation isolated', async () => {
    const owner = new IsolationOwner({
      clock,
      bootId: 'boot',
      log: silent,
      enforcer: new RecordingEnforcer(),
      store: new FakeStore(),
      lookup: () => Promise.resolve([]),
      probe: () => Promise.resolve(true),
      servers: () => [{ address: '192.0.2.1', port: 7443 }],
      canaries: () => [],
      helpers: [],
      tell: () => undefined,
    });
    await owner.start();
    const answer = await owner.handle(desired(1n, isolate()), site.now());
    expect(answer.status).to.equal(DEGRADED);
    const observed = owner.observed();
    expect(observed).to.include({
      state: IsolationState.ISOLATION_STATE_DEGRADED,
      degradedReason: SIMULATION,
      enforcer: EnforcerKind.ENFORCER_KIND_RECORDING,
    });
    expect(observed.evidence?.verification).to.equal(Verification.VERIFICATION_UNVERIFIED);
    await owner.stop();
  });
});
