import { expect } from 'chai';
import fc from 'fast-check';
import { Event, EventSeverity } from '../../../../shared/gen/cordon/v1/event_service.js';
import { LONGEST_SYSLOG, toSyslog } from '../../../../shared/siem/syslog.js';
import { toTimestamp } from '../../../../shared/time.js';
import { readSyslog, type SyslogMessage } from './rfc5424.js';

const EVENT = Event.fromPartial({
  sequence: 12n,
  occurredAt: toTimestamp(Date.UTC(2026, 10, 26, 8, 30, 0, 5)),
  action: 'alert.raised',
  severity: EventSeverity.EVENT_SEVERITY_ALERT,
  actor: 'device:0198',
  deviceId: '0198',
  deviceName: 'web-1',
  reason: '',
  detailsJson: '{"title":"EvilBunny"}',
});

const read = (event: Partial<Event>, options: { host?: string; mostBytes?: number } = {}): SyslogMessage =>
  readSyslog(Buffer.from(toSyslog({ ...EVENT, ...event }, { host: 'server-1', ...options })));
const params = (message: SyslogMessage): Readonly<Record<string, string>> =>
  Object.fromEntries(message.data.get('cordon@32473') ?? []);
const body = (message: SyslogMessage): Readonly<Record<string, unknown>> =>
  JSON.parse(message.message ?? 'none') as Record<string, unknown>;

describe('an event as a syslog message', () => {
  it('has every part of the header, its own fields as structured data, and itself as JSON', () => {
    const message = read({});
    expect(message).to.include({
      facility: 13,
      severity: 1,
      timestamp: '2026-11-26T08:30:00.005Z',
      host: 'server-1',
      app: 'cordon-server',
      procId: '-',
      msgId: 'alert.raised',
    });
    expect(params(message)).to.deep.equal({
      sequence: '12',
      severity: 'alert',
      actor: 'device:0198',
      device_id: '0198',
      device_name: 'web-1',
    });
    expect(body(message)).to.deep.include({ sequence: 12, details: { title: 'EvilBunny' } });
  });

  for (const [severity, code] of [
    [EventSeverity.EVENT_SEVERITY_INFORMATIONAL, 6],
    [EventSeverity.EVENT_SEVERITY_NOTICE, 5],
    [EventSeverity.EVENT_SEVERITY_WARNING, 4],
    [EventSeverity.EVENT_SEVERITY_ALERT, 1],
    [EventSeverity.EVENT_SEVERITY_UNSPECIFIED, 5],
    [99 as EventSeverity, 5],
  ] as const) {
    it(`counts severity ${severity} as ${code}`, () => {
      expect(read({ severity }).severity).to.equal(code);
    });
  }

  it('escapes what would end a value, and gives it back', () => {
    const reason = 'a "quoted" ] and C:\\temp\\';
    expect(toSyslog({ ...EVENT, reason }, { host: 'h' })).to.contain(
      'a \\"quoted\\" \\] and C:\\\\temp\\\\"',
    );
    expect(params(read({ reason }))['reason']).to.equal(reason);
  });

  it('is one line without control characters, whatever a device says', () => {
    const hostile = 'x\r\n<105>1 - - - - - - faked\u0000\u001b[2J\u009b\u202e\u2028';
    const line = toSyslog(
      {
        ...EVENT,
        action: hostile,
        actor: hostile,
        deviceName: hostile,
        reason: hostile,
        detailsJson: JSON.stringify({ [hostile]: hostile }),
      },
      { host: hostile },
    );
    // The mark before the message is the only one.
    expect(line.replace('\ufeff', '')).not.to.match(/[\p{Cc}\p{Cf}\u2028\u2029]/u);
    expect(Object.values(body(readSyslog(Buffer.from(line)))['details'] as object)).to.deep.equal([hostile]);
  });

  it('says nothing of what an event has not', () => {
    const message = read({ occurredAt: undefined, actor: '', deviceId: '', deviceName: '', action: '' });
    expect(message).to.include({ timestamp: '-', msgId: '-' });
    expect(params(message)).to.have.all.keys('sequence', 'severity');
  });

  it('keeps a host name and an action within their lengths', () => {
    const message = read({ action: 'a'.repeat(40) }, { host: 'h h'.repeat(200) });
    expect(message.msgId).to.have.lengthOf(32);
    expect(message.host)
      .to.have.lengthOf(255)
      .and.match(/^h_hh_h/);
  });

  it('cuts the details of a long one, stays JSON, and says so', () => {
    const nodes = Array.from({ length: 200 }, (_, depth) => ({ depth, term: { value: 'x'.repeat(1000) } }));
    const event = { detailsJson: JSON.stringify({ title: 'EvilBunny', iocMatch: { nodes } }) };
    expect(event.detailsJson.length).to.be.greaterThan(200_000);
    const line = toSyslog({ ...EVENT, ...event }, { host: 'h' });
    expect(Buffer.byteLength(line))
      .to.be.lessThan(LONGEST_SYSLOG + 1)
      .and.greaterThan(1000);
    const cut = body(readSyslog(Buffer.from(line)));
    expect(cut).to.include({ details_cut: true, sequence: 12 });
    expect(cut['details']).to.have.property('title', 'EvilBunny');
    expect(body(read({}))).not.to.have.property('details_cut');
  });

  it('keeps to the grammar and the length for every event', () => {
    const text = fc.string({ unit: 'binary', maxLength: 400 });
    const details = fc.oneof(fc.json({ stringUnit: 'binary' }), text, fc.constant(''));
    fc.assert(
      fc.property(
        fc.record({ action: text, actor: text, deviceId: text, deviceName: text, reason: text }),
        details,
        text,
        fc.integer({ min: 2048, max: 9000 }),
        (said, detailsJson, host, mostBytes) => {
          const line = Buffer.from(toSyslog({ ...EVENT, ...said, detailsJson }, { host, mostBytes }));
          expect(line.length).to.be.at.most(mostBytes);
          const { message } = readSyslog(line);
          if (message !== undefined) JSON.parse(message);
        },
      ),
      { numRuns: 150 },
    );
  });

  it('has room for the longest values of every field in the shortest message', () => {
    const longest = '\u{1f4a3}'.repeat(1000);
    const said = { actor: longest, deviceId: longest, deviceName: longest, reason: longest };
    const line = toSyslog(
      { ...EVENT, ...said, action: 'a'.repeat(50), sequence: 2n ** 53n },
      { host: 'h'.repeat(300), mostBytes: 2048 },
    );
    expect(Buffer.byteLength(line)).to.be.at.most(2048);
    expect(params(readSyslog(Buffer.from(line)))['reason']).to.match(/^\u{1f4a3}+\.\.\.$/u);
  });
});
