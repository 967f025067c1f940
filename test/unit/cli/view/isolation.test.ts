import { expect } from 'chai';
import { isolationView } from '../../../../cli/view/isolation.js';
import { Printer } from '../../../../cli/view/printer.js';
import {
  Isolation,
  IsolationEndCause,
  IsolationMode,
  Verification,
} from '../../../../shared/gen/cordon/v1/isolation.js';
import { toDuration, toTimestamp } from '../../../../shared/time.js';

const START = Date.UTC(2026, 0, 2, 3, 4, 5);
const HOUR = 3_600_000;

function shown(isolation: Partial<Isolation>, now: number): string {
  let text = '';
  const sink = { isTTY: false, columns: undefined, write: (part: string) => void (text += part) };
  const whole = Isolation.fromPartial({
    id: 'i1',
    deviceId: 'd1',
    deviceName: 'press',
    mode: IsolationMode.ISOLATION_MODE_MANUAL,
    requestedBy: 'alice',
    reason: 'case 4711',
    issuedAt: toTimestamp(START),
    releaseDelay: toDuration(8 * HOUR),
    exclusions: [{ name: 'historian', protocol: 6, remotePorts: [{ first: 1433, last: 1433 }] }],
    ...isolation,
  } as never);
  new Printer('table', sink, {}).print(
    () => isolationView(whole, now),
    () => ({}),
  );
  return text;
}

const enforced: Partial<Isolation> = {
  deliveredAt: toTimestamp(START + 20),
  enforcedAt: toTimestamp(START + 140),
  verifiedAt: toTimestamp(START + 1140),
};

describe('one isolation', () => {
  it('tells who, why, how long each step took, what is left, and what passes', () => {
    const text = shown(
      {
        ...enforced,
        until: toTimestamp(START + 8 * HOUR),
        evidence: { verification: Verification.VERIFICATION_VERIFIED } as never,
      },
      START + HOUR,
    );
    expect(text).to.match(/Device +press \(d1\)\nMode +manual\nBy +alice\nReason +case 4711\n/);
    expect(text).to.match(/Ordered +2026-01-02T03:04:05.000Z\n/);
    expect(text).to.match(/Delivered +\S+, 20ms after ordered\n/);
    expect(text).to.match(/Enforced +\S+, 120ms after delivered\n/);
    expect(text).to.match(/Verified at +\S+, 1s after enforced\n/);
    expect(text).to.match(/Release delay +8h\nEnds +2026-01-02T11:04:05Z\nRemaining +7h\n/);
    expect(text).to.match(/historian +in force +both +tcp +any +port 1433/);
  });

  it('says which steps have not happened, and claims no end for one that has none', () => {
    const text = shown({ deliveredAt: toTimestamp(START + 20), releaseDelay: toDuration(0) }, START + HOUR);
    expect(text).to.match(/Enforced +not yet\nVerified at +not yet\n/);
    expect(text).to.match(/Release delay +none: until released\nEnds +runs from enforcement\nRemaining +-\n/);
  });

  it('does not claim an end that was not reported', () => {
    expect(shown({ ...enforced, until: toTimestamp(START + HOUR) }, START + 2 * HOUR)).to.match(
      /Remaining +over; not reported\n/,
    );
  });

  it('tells how it ended, by whom, why and after how long', () => {
    const text = shown(
      {
        ...enforced,
        endedAt: toTimestamp(START + 140 + 2 * HOUR),
        endCause: IsolationEndCause.ISOLATION_END_CAUSE_OPERATOR,
        releasedBy: 'bob',
        releaseReason: 'case closed',
      },
      START + 5 * HOUR,
    );
    expect(text).to.match(
      /Ended +\S+ \(lasted 2h\)\nEnded because +operator\nReleased by +bob\nRelease reason +case closed\n/,
    );
    expect(text).not.to.contain('Remaining');
  });
});
