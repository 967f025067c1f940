import { expect } from 'chai';
import {
  cronWords,
  momentAt,
  parseCron,
  parseDaily,
  parseMoment,
  parseWeekly,
} from '../../../../cli/scan/schedule.js';

describe('the plan of a scan', () => {
  it('is typed as a time of day, as days of the week, or as cron', () => {
    expect(parseDaily('03:05')).to.equal('5 3 * * *');
    expect(parseDaily('0:00')).to.equal('0 0 * * *');
    expect(parseWeekly('sun 03:00')).to.equal('0 3 * * 0');
    expect(parseWeekly(' Thursday , mon  22:30 ')).to.equal('30 22 * * 1,4');
    expect(parseWeekly('mon,mon 01:00')).to.equal('0 1 * * 1');
    expect(parseCron(' 30 2  * * 1-5 ')).to.equal('30 2 * * 1-5');
  });

  it('is refused where it is none of them', () => {
    for (const text of ['24:00', '3', '03:60', '03:00:00', '-1:00']) {
      expect(() => parseDaily(text), text).to.throw('00:00 to 23:59');
    }
    for (const text of ['sun', '03:00', 'su 03:00', 'sun, 03:00', 'someday 03:00', 'sun 03:00 04:00']) {
      expect(() => parseWeekly(text), text).to.throw('sun 03:00');
    }
    for (const text of ['* * * *', '* * * * * *', '']) expect(() => parseCron(text), text).to.throw('five');
  });

  it('may be one moment, with its zone or from now', () => {
    const at = (text: string): number => momentAt(parseMoment(text), 1000);
    expect(at('2030-05-01T03:00Z')).to.equal(Date.UTC(2030, 4, 1, 3));
    expect(at('2030-05-01 03:00:30+02:00')).to.equal(Date.UTC(2030, 4, 1, 1, 0, 30));
    expect(at('+1h30m')).to.equal(1000 + 5_400_000);
    for (const text of ['2030-05-01T03:00', '2030-05-01', '2030-13-01T03:00Z', 'now', '+', '+soon']) {
      expect(() => parseMoment(text), text).to.throw('with its zone');
    }
  });

  for (const [expression, words] of [
    ['5 3 * * *', 'every day at 03:05'],
    ['0 3 * * 0', 'every Sunday at 03:00'],
    ['0 3 * * 7', 'every Sunday at 03:00'],
    ['30 22 * * 1,4', 'every Monday and Thursday at 22:30'],
    ['30 22 * * mon,thu', 'every Monday and Thursday at 22:30'],
    ['0 1 * * 1-3', 'every Monday, Tuesday and Wednesday at 01:00'],
    ['0 4 15 * *', 'every month on day 15 at 04:00'],
    ['20 * * * *', 'every hour, 20 minutes past'],
    // What is not so simple is shown as it is: half a truth would be worse.
    ['*/20 3 * * *', 'cron "*/20 3 * * *"'],
    ['0 3 1 * 1', 'cron "0 3 1 * 1"'],
    ['0 3 * 6 *', 'cron "0 3 * 6 *"'],
    ['0 3 * * 5-1', 'cron "0 3 * * 5-1"'],
    ['0 3 * * 8', 'cron "0 3 * * 8"'],
    ['0 3 * * 1#2', 'cron "0 3 * * 1#2"'],
    ['', 'cron ""'],
  ] as const) {
    it(`"${expression}" is told as: ${words}`, () => {
      expect(cronWords(expression)).to.equal(words);
    });
  }
});
