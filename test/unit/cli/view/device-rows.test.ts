import { expect } from 'chai';
import { connectionCell, remainingCell, stateCell, verifiedCell } from '../../../../cli/view/device-rows.js';
import { cell, renderTable } from '../../../../cli/view/table.js';
import { ConnectionState, Device } from '../../../../shared/gen/cordon/v1/device.js';
import {
  EnforcerKind,
  IsolationAction,
  IsolationState,
  Verification,
} from '../../../../shared/gen/cordon/v1/isolation.js';
import { toTimestamp } from '../../../../shared/time.js';

const NOW = Date.UTC(2026, 0, 1);
const isolated = {
  state: IsolationState.ISOLATION_STATE_ISOLATED,
  enforcer: EnforcerKind.ENFORCER_KIND_NFTABLES,
};

describe('a device in a list', () => {
  it('is pending, not isolated, until it has reported the generation', () => {
    const pending = Device.fromPartial({
      generation: 2n,
      observedGeneration: 1n,
      observed: isolated,
      directive: { action: IsolationAction.ISOLATION_ACTION_RELEASE },
    });
    expect(stateCell(pending, NOW).text).to.equal('pending → released');
    expect(stateCell({ ...pending, observedGeneration: 2n }, NOW).text).to.equal('isolated');
  });

  it('is shown as simulated when its enforcer blocks nothing', () => {
    const simulated = Device.fromPartial({
      observed: {
        ...isolated,
        enforcer: EnforcerKind.ENFORCER_KIND_RECORDING,
        evidence: { verification: Verification.VERIFICATION_VERIFIED },
      },
    });
    expect(stateCell(simulated, NOW).text).to.equal('simulated');
    expect(verifiedCell(simulated, NOW).text).to.equal('no (simulated)');
  });

  it('is not shown as isolated when its time was up and it has not been heard since', () => {
    const observed = { ...isolated, until: toTimestamp(NOW) };
    expect(stateCell(Device.fromPartial({ observed }), NOW)).to.deep.equal({
      text: 'not known (time is up)',
      tone: 'waiting',
    });
    expect(stateCell(Device.fromPartial({ observed }), NOW - 1).text).to.equal('isolated');
  });

  it('shows a refusal and what the device still does', () => {
    const refused = Device.fromPartial({ generation: 2n, observed: isolated, rejection: 'bad port' });
    expect(stateCell(refused, NOW).text).to.equal('refused → stays isolated');
  });

  it('shows a failed verification loudly', () => {
    const observed = { ...isolated, evidence: { verification: Verification.VERIFICATION_UNVERIFIED } };
    expect(verifiedCell(Device.fromPartial({ observed }), NOW)).to.deep.equal({ text: 'NO', tone: 'bad' });
  });

  it('counts down to the release, and does not claim a release that was not reported', () => {
    const until = (ms: number): Device =>
      Device.fromPartial({ observed: { ...isolated, until: toTimestamp(NOW + ms) } });
    expect(remainingCell(until(90 * 60_000), NOW).text).to.equal('1h30m');
    expect(remainingCell(until(-1), NOW).text).to.equal('over; not reported');
    expect(remainingCell(Device.fromPartial({ observed: isolated }), NOW).text).to.equal('no end');
  });

  it('says how long it has been offline', () => {
    const offline = Device.fromPartial({
      connection: ConnectionState.CONNECTION_STATE_OFFLINE,
      lastSeenAt: toTimestamp(NOW - 300_000),
    });
    expect(connectionCell(offline, NOW).text).to.equal('offline 5m');
  });
});

describe('a table', () => {
  const rows = [
    [cell('a'), cell('long value', 'good')],
    [cell('longer name'), cell('x')],
  ];

  it('is aligned, without borders and without colours where there is no terminal', () => {
    expect(renderTable(['NAME', 'STATE'], rows, { colour: false })).to.equal(
      'NAME         STATE\na            long value\nlonger name  x\n',
    );
  });

  it('has colours on a terminal', () => {
    expect(renderTable(['NAME', 'STATE'], rows, { colour: true })).to.contain('\x1b[32mlong value');
  });

  it('lets no text from a device control the terminal', () => {
    const evil = [[cell('\x1b[2Jevil\nline\u202e')]];
    expect(renderTable(['NAME'], evil, { colour: false })).to.equal('NAME\n?[2Jevil line?\n');
  });
});
