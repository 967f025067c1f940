import { expect } from 'chai';
import { Event, EventSeverity } from '../../../../shared/gen/cordon/v1/event_service.js';
import { toJsonLine } from '../../../../shared/siem/json-line.js';
import { toTimestamp } from '../../../../shared/time.js';

const EVENT = Event.fromPartial({
  sequence: 7n,
  occurredAt: toTimestamp(Date.UTC(2026, 10, 26)),
  action: 'isolation.isolate',
  severity: EventSeverity.EVENT_SEVERITY_NOTICE,
  actor: 'ada',
  deviceId: '0198',
  deviceName: 'web-1',
  reason: 'malware',
  detailsJson: '{"generation":3}',
});
const read = (event: Partial<Event>): unknown => JSON.parse(toJsonLine({ ...EVENT, ...event }));

describe('an event as a line of JSON', () => {
  it('has the same names always, and its details as an object', () => {
    expect(read({})).to.deep.equal({
      sequence: 7,
      time: '2026-11-26T00:00:00.000Z',
      action: 'isolation.isolate',
      severity: 'notice',
      actor: 'ada',
      device_id: '0198',
      device_name: 'web-1',
      reason: 'malware',
      details: { generation: 3 },
    });
    expect(read({ detailsJson: '', occurredAt: undefined })).to.deep.include({ details: {}, time: '' });
  });

  it('is one line that no terminal obeys, and reads as what was said', () => {
    const reason = 'a\nb\u001b[2J\u009b1m\u202e\u2028"\\';
    expect(toJsonLine({ ...EVENT, reason })).to.match(/^[\x20-\x7e]+$/);
    expect(read({ reason })).to.include({ reason });
  });

  it('keeps details that are no JSON as text', () => {
    expect(read({ detailsJson: '{"cut' })).to.deep.include({ details: { text: '{"cut' } });
  });

  for (const seconds of [253_402_300_800n, -99_999_999_999n, 9_000_000_000_000_000_000n]) {
    it(`has no time where it is one that nobody can write (${seconds})`, () => {
      expect(read({ occurredAt: { seconds, nanos: 0 } })).to.include({ time: '' });
    });
  }
});
