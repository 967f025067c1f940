import { expect } from 'chai';
import { ExitCode } from '../../../../cli/exit.js';
import type { WatchEvent } from '../../../../cli/feed.js';
import {
  advance,
  isSettled,
  judge,
  startWait,
  waitError,
  waitExitCode,
} from '../../../../cli/wait/progress.js';
import { ConnectionState, Device } from '../../../../shared/gen/cordon/v1/device.js';
import {
  EnforcerKind,
  IsolationDirective,
  ObservedIsolation,
  IsolationEndCause,
  IsolationState,
} from '../../../../shared/gen/cordon/v1/isolation.js';
import type { DeviceOrder } from '../../../../shared/gen/cordon/v1/isolation_service.js';

const order: DeviceOrder = { deviceId: 'd1', deviceName: 'laptop', generation: 5n, directiveId: 'x5' };

const directive = (id: string, requestedBy = 'alice'): IsolationDirective =>
  IsolationDirective.fromPartial({ id, requestedBy });

const device = (part: Partial<Device> = {}): Device => ({
  ...Device.fromPartial({
    id: 'd1',
    name: 'laptop',
    observedGeneration: 4n,
    connection: ConnectionState.CONNECTION_STATE_ONLINE,
  }),
  generation: 5n,
  directive: directive('x5'),
  ...part,
});

const observed = (part: Partial<ObservedIsolation> = {}): ObservedIsolation => ({
  ...ObservedIsolation.fromPartial({ state: IsolationState.ISOLATION_STATE_ISOLATED, isolationId: 'x5' }),
  ...part,
});

const isolated = (part: Partial<ObservedIsolation> = {}): Device =>
  device({ observedGeneration: 5n, observed: observed(part) });

const seen = (value: Device): WatchEvent => ({ $case: 'device', value });

describe('waiting for an order', () => {
  it('counts a device as isolated only when it has reported the generation of the order', () => {
    const early = device({ observed: observed() });
    expect(judge('isolate', order, early).kind).to.equal('delivering');
    expect(judge('isolate', order, isolated()).kind).to.equal('done');
  });

  it('does not take the report on an earlier isolation for the answer', () => {
    expect(judge('isolate', order, isolated({ isolationId: 'x4' })).kind).to.equal('working');
  });

  it('takes nothing from a record that is older than the order', () => {
    const old = device({
      generation: 4n,
      rejection: 'an older one',
      directive: directive('x4'),
      observedGeneration: 4n,
    });
    expect(judge('isolate', order, old).kind).to.equal('unknown');
  });

  it('says that a device is offline and goes on waiting', () => {
    const offline = device({ connection: ConnectionState.CONNECTION_STATE_OFFLINE });
    expect(judge('isolate', order, offline)).to.deep.equal({ kind: 'offline', lastSeenAt: undefined });
    expect(isSettled(advance(startWait('isolate', [order]), [seen(offline)]))).to.equal(false);
  });

  it('fails with the reason when the device refuses', () => {
    const refused = device({ rejection: 'exclusions[0]: bad port' });
    expect(judge('isolate', order, refused)).to.deep.equal({
      kind: 'failed',
      reason: 'the device refused it: exclusions[0]: bad port',
    });
  });

  it('fails with the reason when the device enforces in part', () => {
    const degraded = isolated({ state: IsolationState.ISOLATION_STATE_DEGRADED, degradedReason: 'no IPv6' });
    expect(judge('isolate', order, degraded)).to.deep.equal({
      kind: 'failed',
      reason: 'isolated in part: no IPv6',
    });
  });

  it('never calls a simulated isolation done', () => {
    const simulated = isolated({ enforcer: EnforcerKind.ENFORCER_KIND_RECORDING });
    expect(judge('isolate', order, simulated).kind).to.equal('failed');
  });

  it('fails when the isolation has ended by itself already', () => {
    const rolledBack = isolated({
      state: IsolationState.ISOLATION_STATE_RELEASED,
      endCause: IsolationEndCause.ISOLATION_END_CAUSE_UNCONFIRMED,
    });
    expect(judge('isolate', order, rolledBack)).to.deep.equal({
      kind: 'failed',
      reason: 'ended already (unconfirmed)',
    });
    // The server follows such an end with a directive of its own.
    const followed = { ...rolledBack, generation: 6n, directive: directive('x6', 'server') };
    expect(judge('isolate', order, followed)).to.deep.equal(judge('isolate', order, rolledBack));
  });

  it('fails when a newer order took the place of this one', () => {
    const replaced = device({ generation: 6n, directive: directive('x6', 'bob') });
    expect(judge('isolate', order, replaced)).to.deep.equal({
      kind: 'failed',
      reason: 'replaced by a newer order of bob',
    });
  });

  it('keeps waiting across a change of settings that is not a new order', () => {
    expect(judge('isolate', order, device({ generation: 6n })).kind).to.equal('delivering');
    expect(judge('isolate', order, { ...isolated(), generation: 6n }).kind).to.equal('done');
  });

  it('counts a release as done when the device reports that nothing of ours is left', () => {
    const released = isolated({ state: IsolationState.ISOLATION_STATE_RELEASED });
    const releasing = isolated({ state: IsolationState.ISOLATION_STATE_RELEASING });
    expect(judge('release', order, released).kind).to.equal('done');
    expect(judge('release', order, releasing).kind).to.equal('working');
  });

  it('fails when the device is removed meanwhile', () => {
    const wait = advance(startWait('isolate', [order]), [{ $case: 'removedDeviceId', value: 'd1' }]);
    expect(waitExitCode(wait)).to.equal(ExitCode.REFUSED);
  });

  it('ignores devices that have no order', () => {
    const wait = advance(startWait('isolate', [order]), [seen({ ...isolated(), id: 'other' })]);
    expect([...wait.progress.keys()]).to.deep.equal(['d1']);
    expect(isSettled(wait)).to.equal(false);
  });

  describe('ends', () => {
    const second: DeviceOrder = { ...order, deviceId: 'd2', deviceName: 'desk' };
    const both = startWait('isolate', [order, second]);

    it('with 0 when every device reported', () => {
      const wait = advance(both, [seen(isolated()), seen({ ...isolated(), id: 'd2' })]);
      expect(isSettled(wait)).to.equal(true);
      expect(waitExitCode(wait)).to.equal(ExitCode.DONE);
      expect(waitError(wait, '1m')).to.equal(undefined);
    });

    it('with 3 and the names of those that are pending', () => {
      const error = waitError(advance(both, [seen(isolated())]), '1m');
      expect(error?.exitCode).to.equal(ExitCode.PENDING);
      expect(error?.message).to.equal('desk did not report within 1m');
      expect(error?.next).to.contain('stays in force');
    });

    it('with 1 when one failed, even if another is pending', () => {
      const error = waitError(advance(both, [seen(device({ rejection: 'no' }))]), '1m');
      expect(error?.exitCode).to.equal(ExitCode.REFUSED);
      expect(error?.message).to.equal('isolate failed on laptop; desk did not report within 1m');
    });
  });
});
