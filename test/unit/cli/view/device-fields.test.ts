import { expect } from 'chai';
import { deviceFields } from '../../../../cli/view/device-fields.js';
import { Device } from '../../../../shared/gen/cordon/v1/device.js';
import {
  CheckResult,
  EnforcerKind,
  Isolation,
  IsolationMode,
  IsolationState,
  Verification,
} from '../../../../shared/gen/cordon/v1/isolation.js';
import { toTimestamp } from '../../../../shared/time.js';

const NOW = Date.UTC(2026, 0, 1, 12);

const isolated = Device.fromPartial({
  name: 'laptop',
  observed: {
    state: IsolationState.ISOLATION_STATE_ISOLATED,
    mode: IsolationMode.ISOLATION_MODE_MANUAL,
    reason: 'case 4711',
    requestedBy: 'alice',
    enforcedAt: toTimestamp(NOW - 60_000),
    until: toTimestamp(NOW + 3_600_000),
    enforcer: EnforcerKind.ENFORCER_KIND_NFTABLES,
    evidence: {
      verification: Verification.VERIFICATION_UNVERIFIED,
      checks: [
        { name: 'rules-match-plan', result: CheckResult.CHECK_RESULT_PASSED },
        { name: 'canary-unreachable', result: CheckResult.CHECK_RESULT_FAILED, detail: '192.0.2.9 answers' },
      ],
    },
    unsupportedExclusions: [{ name: 'updates', detail: 'no executable paths on Linux' }],
  },
});

const lines = (device: Device, latest?: Isolation): string[] =>
  deviceFields(device, latest, NOW).map(([name, { text }]) => `${name}: ${text}`);

describe('one device', () => {
  it('tells mode, reason, who, since when, until when and what is left of an isolation', () => {
    expect(lines(isolated)).to.include.members([
      'State: isolated',
      'Mode: manual',
      'Reason: case 4711',
      'By: alice',
      'Since: 2026-01-01T11:59:00Z',
      'Until: 2026-01-01T13:00:00Z',
      'Remaining: 1h',
    ]);
  });

  it('shows the verdict with each check and why, and the exclusions that stay blocked', () => {
    expect(lines(isolated)).to.include.members([
      'Verified: NO',
      '  check: rules-match-plan: passed',
      '  check: canary-unreachable: failed (192.0.2.9 answers)',
      'Stays blocked: exclusion updates: no executable paths on Linux',
    ]);
  });

  it('says that an isolation without an end waits for somebody', () => {
    const endless = Device.fromPartial({
      observed: { state: IsolationState.ISOLATION_STATE_ISOLATED, until: undefined },
    });
    expect(lines(endless)).to.include('Until: somebody releases it');
  });

  it('shows the four times of the latest isolation, and which of them have not been reported', () => {
    const latest = Isolation.fromPartial({
      id: 'isolation-1',
      requestedBy: 'alice',
      reason: 'case 4711',
      issuedAt: toTimestamp(NOW),
      deliveredAt: toTimestamp(NOW + 4),
      enforcedAt: toTimestamp(NOW + 1500),
    });
    expect(lines(isolated, latest)).to.include.members([
      'Latest isolation: isolation-1',
      '  ordered: 2026-01-01T12:00:00Z, by alice: case 4711',
      '  delivered: 2026-01-01T12:00:00Z, 4ms after the order',
      '  enforced: 2026-01-01T12:00:01Z, 2s after the order',
      '  verified: not reported',
    ]);
  });

  it('says nothing about an isolation when there is none', () => {
    const released = Device.fromPartial({ observed: { state: IsolationState.ISOLATION_STATE_RELEASED } });
    for (const line of lines(released)) {
      expect(line).not.to.match(/^(Mode|Reason|By|Since|Until|Remaining|Verified|Latest isolation):/);
    }
  });
});
