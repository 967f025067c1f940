import { expect } from 'chai';
import fc from 'fast-check';
import {
  decide,
  type Decision,
  type OpenRun,
  type Plan,
  type PlannedTask,
} from '../../../../server/scans/decide.js';
import { Starts, type Timing } from '../../../../server/scans/starts.js';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const MIDNIGHT = Date.UTC(2026, 0, 1);
const device = { id: 'a', timeZone: 'UTC' };
const daily: Timing = {
  schedule: '0 3 * * *',
  startAt: undefined,
  timeZone: '',
  spreadMs: 0,
  skipMissed: false,
};
const three = MIDNIGHT + 3 * HOUR;

const task = (given: Partial<PlannedTask> = {}): PlannedTask => ({
  id: 'task',
  version: 1,
  scheduledAt: MIDNIGHT,
  planFrom: undefined,
  ...given,
});

/** One device: what is decided is done. */
class Story {
  plan: Plan | undefined;
  runs: OpenRun[] = [];
  private made = 0;

  constructor(
    public timing: Timing,
    public task: PlannedTask,
  ) {}

  decide(now: number, zone: string | null = 'UTC'): Decision {
    const starts = new Starts('task', this.timing);
    const target = zone === null ? undefined : { ...device, timeZone: zone };
    const decision = decide(this.task, starts, target, this.plan, this.runs, now);
    this.runs = this.runs.filter(({ id }) => !decision.withdraw.includes(id));
    for (const { requestedBy, notBefore, expiresAt } of decision.make) {
      const scheduled = requestedBy === undefined;
      this.runs.push({
        id: `run ${++this.made}`,
        version: this.task.version,
        scheduled,
        begun: false,
        notBefore,
        expiresAt,
        requestedBy: requestedBy ?? '',
      });
    }
    this.plan = decision.plan;
    return decision;
  }

  /** What is open, as hours since midnight. */
  get open(): (number | null)[] {
    return this.runs.map(({ notBefore }) => (notBefore === null ? null : (notBefore - MIDNIGHT) / HOUR));
  }

  begin(index: number): void {
    this.runs = this.runs.map((run, at) => (at === index ? { ...run, begun: true } : run));
  }
}

describe('the runs of a task on a device', () => {
  it('are planned one ahead: the next when the one before is due', () => {
    const story = new Story(daily, task());
    expect(story.decide(MIDNIGHT).make).to.deep.equal([
      { requestedBy: undefined, notBefore: three, expiresAt: three + DAY },
    ]);
    expect(story.decide(three - 1).make, 'nothing more before it is due').to.deep.equal([]);
    story.decide(three);
    expect(story.open).to.deep.equal([3, 27]);
    expect(story.plan?.lookAt).to.equal(three + DAY);
    expect(story.decide(three + HOUR).make).to.deep.equal([]);
  });

  it('may start late until the next is due, or not at all when missed runs are left out', () => {
    const expiry = (timing: Timing): number =>
      new Story(timing, task()).decide(MIDNIGHT).make[0]?.expiresAt ?? 0;
    expect(expiry(daily)).to.equal(three + DAY);
    expect(expiry({ ...daily, skipMissed: true })).to.equal(three + 15 * 60_000);
  });

  it('are made up for once when the server was off while several were due', () => {
    const story = new Story(daily, task());
    story.decide(MIDNIGHT);
    story.runs = [];
    const decision = story.decide(three + 3 * DAY + HOUR);
    expect(story.open).to.deep.equal([3 + 72, 3 + 96]);
    expect(decision.make[0]?.expiresAt).to.equal(three + 4 * DAY);
  });

  it('are not made up for when missed runs are left out', () => {
    const story = new Story({ ...daily, skipMissed: true }, task());
    story.decide(MIDNIGHT);
    story.runs = [];
    story.decide(three + DAY + HOUR);
    expect(story.open).to.deep.equal([51]);
  });

  it('begin with the next start on a device that comes later, and with the one since the change on one that was there', () => {
    const comes = new Story(daily, task());
    comes.decide(three + HOUR);
    expect(comes.open).to.deep.equal([27]);
    const was = new Story(daily, task({ planFrom: MIDNIGHT }));
    was.decide(three + HOUR);
    expect(was.open).to.deep.equal([3, 27]);
  });

  it('are one where a task runs once, also when it is planned after its time, and never a second', () => {
    const once = { ...daily, schedule: '', startAt: three };
    const story = new Story(once, task({ planFrom: MIDNIGHT }));
    expect(story.decide(three + HOUR).make).to.deep.equal([
      { requestedBy: undefined, notBefore: three, expiresAt: three + 7 * DAY },
    ]);
    story.runs = [];
    for (const later of [2 * HOUR, DAY, 30 * DAY]) expect(story.decide(three + later).make).to.deep.equal([]);
    const late = new Story(once, task());
    expect(late.decide(three + HOUR).make, 'a device that comes later').to.deep.equal([]);
  });

  it('are none where the task has no times', () => {
    const story = new Story({ ...daily, schedule: '' }, task());
    expect(story.decide(MIDNIGHT)).to.deep.equal({ withdraw: [], make: [], plan: undefined });
  });

  it('wait for what the task is now: a change replaces them, and one that has begun goes on', () => {
    const story = new Story(daily, task());
    story.decide(MIDNIGHT);
    story.decide(three);
    story.begin(0);
    story.task = task({ version: 2, planFrom: three + HOUR });
    const decision = story.decide(three + HOUR);
    expect(decision.withdraw).to.deep.equal(['run 2']);
    expect(story.runs.map(({ version, begun }) => [version, begun])).to.deep.equal([
      [1, true],
      [2, false],
    ]);
    expect(story.open).to.deep.equal([3, 27]);
  });

  it('stay wanted when their time has come and the task changes, unless its times do', () => {
    const story = new Story(daily, task());
    story.decide(MIDNIGHT);
    story.decide(three);
    story.task = task({ version: 2 });
    expect(story.decide(three + HOUR).withdraw).to.deep.equal(['run 1', 'run 2']);
    expect([...story.open].sort()).to.deep.equal([27, 3]);
    story.task = task({ version: 3, scheduledAt: three + 2 * HOUR });
    story.timing = { ...daily, schedule: '0 12 * * *' };
    story.decide(three + 2 * HOUR);
    expect(story.open).to.deep.equal([12]);
  });

  it('that an operator asked for stay theirs when the task changes', () => {
    const story = new Story({ ...daily, schedule: '' }, task({ version: 2 }));
    const asked = { id: 'x', version: 1, scheduled: false, begun: false, notBefore: null };
    story.runs = [{ ...asked, expiresAt: MIDNIGHT + DAY, requestedBy: 'ada' }];
    expect(story.decide(MIDNIGHT)).to.deep.include({
      withdraw: ['x'],
      make: [{ requestedBy: 'ada', notBefore: null, expiresAt: MIDNIGHT + DAY }],
    });
    expect(story.decide(MIDNIGHT).make).to.deep.equal([]);
  });

  it('follow the device to another time zone, and out of the task', () => {
    const story = new Story(daily, task());
    story.decide(MIDNIGHT);
    story.decide(MIDNIGHT, 'Europe/Berlin');
    expect(story.open).to.deep.equal([2]);
    expect(story.decide(MIDNIGHT, null).withdraw).to.have.length(1);
    expect(story.open).to.deep.equal([]);
    expect(story.plan).to.equal(undefined);
  });

  it('keep the run that both time zones want', () => {
    const story = new Story(daily, task());
    story.decide(MIDNIGHT, 'Europe/Berlin');
    expect(story.decide(MIDNIGHT, 'Europe/Paris')).to.deep.include({ withdraw: [], make: [] });
    expect(story.plan?.timeZone).to.equal('Europe/Paris');
  });

  it('that are planned again and again, at whatever time, are one for each start', () => {
    const timing = fc.record({
      schedule: fc.constantFrom('0 3 * * *', '15 * * * *', '0 */6 * * 1', '30 2 * * *'),
      startAt: fc.constant(undefined),
      timeZone: fc.constantFrom('', 'Europe/Berlin', 'America/New_York'),
      spreadMs: fc.constantFrom(0, 60_000, HOUR, DAY),
      skipMissed: fc.boolean(),
    });
    const steps = fc.array(fc.integer({ min: 0, max: 3 * DAY }), { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(timing, steps, (times, waits) => {
        const story = new Story(times, task({ planFrom: MIDNIGHT }));
        const starts = new Set<number>();
        let now = MIDNIGHT;
        for (const wait of waits) {
          now += wait;
          const { make } = story.decide(now);
          for (const { notBefore } of make) {
            expect(starts.has(notBefore ?? 0), 'twice').to.equal(false);
            starts.add(notBefore ?? 0);
          }
          expect(story.runs.filter(({ notBefore }) => (notBefore ?? 0) > now)).to.have.length(1);
          expect(make.filter(({ notBefore }) => (notBefore ?? 0) <= now).length).to.be.at.most(1);
          expect(story.decide(now)).to.deep.include({ withdraw: [], make: [] });
        }
      }),
      { numRuns: 60 },
    );
  });
});

describe('the random part of a start', () => {
  const spread = { ...daily, spreadMs: 4 * HOUR };

  it('is another for each device and day, within the spread, and the same whenever it is asked for', () => {
    const starts = new Starts('task', spread);
    const parts = new Set<number>();
    for (let day = 0; day < 20; day++) {
      for (const id of ['a', 'b', 'c']) {
        const after = MIDNIGHT + day * DAY;
        const start = starts.next({ id, timeZone: 'UTC' }, after) ?? 0;
        expect(new Starts('task', spread).next({ id, timeZone: 'UTC' }, after)).to.equal(start);
        expect(start - after).to.be.within(3 * HOUR, 7 * HOUR);
        parts.add(start - after);
      }
    }
    expect(parts.size).to.equal(60);
  });

  it('does not lose a device its start while the spread of it lasts', () => {
    const starts = new Starts('task', spread);
    const start = starts.next(device, MIDNIGHT) ?? 0;
    expect(start).to.be.above(three);
    expect(starts.next(device, Math.floor((three + start) / 2))).to.equal(start);
  });
});
