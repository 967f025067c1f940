import { expect } from 'chai';
import { ENTRY_IDS, EventLogNotes, type LogEntry } from '../../../../agent/notify/event-log-notes.js';
import { IsolationEndCause, IsolationState } from '../../../../shared/gen/cordon/v1/isolation.js';
import { toTimestamp } from '../../../../shared/time.js';
import { silent } from '../../../fakes/agent-owner.js';
import { observed } from '../../../fakes/observed.js';

const {
  ISOLATION_STATE_RELEASED: RELEASED,
  ISOLATION_STATE_ISOLATED: ISOLATED,
  ISOLATION_STATE_DEGRADED: DEGRADED,
} = IsolationState;

describe('notes in the event log', () => {
  let written: LogEntry[];
  let notes: EventLogNotes;
  const note = (...args: Parameters<typeof observed>): void =>
    notes.note({ $case: 'isolationChanged', value: { observed: observed(...args) } }, '');
  beforeEach(() => {
    written = [];
    notes = new EventLogNotes(observed(RELEASED), silent, (entry) => written.push(entry));
  });

  it('tell isolation, change and release, each once and with a number that stays', () => {
    note(ISOLATED, { reason: 'case 1' });
    note(ISOLATED, { reason: 'case 1' });
    note(ISOLATED, { until: toTimestamp(Date.UTC(2026, 0, 1)) });
    note(RELEASED, { endCause: IsolationEndCause.ISOLATION_END_CAUSE_LOCAL });
    expect(written.map(({ id, level }) => [id, level])).to.deep.equal([
      [100, 'warning'],
      [101, 'warning'],
      [102, 'information'],
    ]);
    expect(written[0]?.text).to.match(
      /^This computer is isolated from the network\r\n\r\n.*\r\nReason: case 1/,
    );
    expect(written[2]?.text).to.include('released on this computer');
  });

  it('tell what does not hold, once for each reason', () => {
    note(DEGRADED, { degradedReason: 'a' });
    note(DEGRADED, { degradedReason: 'a' });
    note(DEGRADED, { degradedReason: 'b' });
    note(ISOLATED);
    expect(written.filter(({ id }) => id === ENTRY_IDS.degraded)).to.have.length(2);
    expect(written.at(-1)).to.include({ id: 200, level: 'error' });
    expect(written.at(-1)?.text).to.match(/holds in part only/);
  });

  it('do not call partly in force what nothing is known of, as when the filter engine is stopped', () => {
    note(DEGRADED, { degradedReason: 'not in force: EPT_S_NOT_REGISTERED', evidence: undefined });
    expect(written.at(-1)?.text).to.match(/is not in force, or nobody knows whether it is\.\r\nnot in force/);
  });

  it('tell tampering, without characters that a viewer would obey', () => {
    const detail = 'a filter\r\nwas deleted\u202e';
    notes.note({ $case: 'tamperDetected', value: { detail, restoredAt: toTimestamp(1) } }, '');
    expect(written).to.deep.equal([
      {
        id: 201,
        level: 'warning',
        text: 'Somebody changed the rules of the network isolation. They are restored.\r\na filter was deleted',
      },
    ]);
  });

  it('are given up where the log takes nothing', () => {
    notes = new EventLogNotes(observed(RELEASED), silent, () => {
      throw new Error('full');
    });
    note(ISOLATED);
    note(RELEASED);
  });
});
