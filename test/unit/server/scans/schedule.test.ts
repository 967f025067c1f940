import { expect } from 'chai';
import { Occurrences, isTimeZone, scheduleProblem } from '../../../../server/scans/schedule.js';

const NOW = Date.UTC(2026, 0, 1);
const at = (text: string): number => Date.parse(text);

describe('a schedule', () => {
  for (const schedule of [
    '0 3 * * *',
    '30 2 * * 1-5',
    '5 */6 1,15 * *',
    '59 23 31 12 *',
    ' 0  4 * * MON ',
    '0 3 L * *',
  ]) {
    it(`takes "${schedule}"`, () => expect(scheduleProblem(schedule, NOW)).to.equal(undefined));
  }

  const wrong: [string, RegExp][] = [
    ['', /five fields/],
    ['@daily', /five fields/],
    ['0 0 3 * * *', /five fields .* it has 6/],
    ['* * * * *', /once an hour/],
    ['*/5 * * * *', /once an hour/],
    ['0,30 3 * * *', /once an hour/],
    ['0-1 3 * * *', /once an hour/],
    ['60 3 * * *', /one number from 0 to 59/],
    ['0 24 * * *', /hour/],
    ['0 3 32 * *', /day/],
    ['0 3 * 13 *', /month/],
    ['0 3 * * X', /is no cron expression/],
    ['0 3 30 2 *', /never comes/],
    [`0 3 ${'1,'.repeat(150)}1 * *`, /at most 200 characters/],
  ];
  for (const [schedule, problem] of wrong) {
    it(`refuses "${schedule.slice(0, 20)}"`, () => expect(scheduleProblem(schedule, NOW)).to.match(problem));
  }

  it('knows time zones of the IANA database and no offsets', () => {
    for (const zone of ['UTC', 'Europe/Berlin', 'America/Argentina/Buenos_Aires']) {
      expect(isTimeZone(zone), zone).to.equal(true);
    }
    for (const zone of ['', '+01:00', 'Mars/Olympus', 'Europe/Berlin ']) {
      expect(isTimeZone(zone), zone).to.equal(false);
    }
  });

  it('means the clock of its time zone, summer and winter', () => {
    const berlin = new Occurrences('0 3 * * *', 'Europe/Berlin');
    expect(berlin.after(at('2026-01-10T02:00:00Z'))).to.equal(at('2026-01-11T02:00:00Z'));
    expect(berlin.after(at('2026-07-10T01:00:00Z'))).to.equal(at('2026-07-11T01:00:00Z'));
    const kolkata = new Occurrences('0 3 * * *', 'Asia/Kolkata');
    expect(kolkata.after(at('2026-01-10T00:00:00Z'))).to.equal(at('2026-01-10T21:30:00Z'));
    const unknown = new Occurrences('0 3 * * *', 'Mars/Olympus');
    expect(unknown.after(at('2026-01-10T00:00:00Z'))).to.equal(at('2026-01-10T03:00:00Z'));
  });

  it('comes once on the days on which the clock is set', () => {
    const berlin = new Occurrences('30 2 * * *', 'Europe/Berlin');
    const moments = (from: string, count: number): string[] => {
      const found: string[] = [];
      for (let last = at(from); found.length < count;) {
        last = berlin.after(last) ?? Number.NaN;
        found.push(new Date(last).toISOString());
      }
      return found;
    };
    // 02:30 does not exist on 29 March, and exists twice on 25 October.
    expect(moments('2026-03-27T12:00:00Z', 3)).to.deep.equal([
      '2026-03-28T01:30:00.000Z',
      '2026-03-29T01:00:00.000Z',
      '2026-03-30T00:30:00.000Z',
    ]);
    expect(moments('2026-10-23T12:00:00Z', 3)).to.deep.equal([
      '2026-10-24T00:30:00.000Z',
      '2026-10-25T00:30:00.000Z',
      '2026-10-26T01:30:00.000Z',
    ]);
  });

  it('names a moment after the one that is asked about, to the millisecond', () => {
    const hourly = new Occurrences('0 * * * *', 'UTC');
    const three = at('2026-01-01T03:00:00Z');
    expect(hourly.after(three - 1)).to.equal(three);
    expect(hourly.after(three)).to.equal(three + 3_600_000);
    expect(hourly.after(three + 1)).to.equal(three + 3_600_000);
  });
});
