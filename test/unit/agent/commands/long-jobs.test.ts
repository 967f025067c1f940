import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import type { LongJob, RunControl, Steering, Work } from '../../../../agent/commands/job.js';
import { CommandJournal } from '../../../../agent/commands/journal.js';
import { CommandRunner } from '../../../../agent/commands/runner.js';
import { CommandOrder, type CommandUpdate } from '../../../../shared/gen/cordon/v1/agent_service.js';
import { CommandResult, CommandState, type CommandSpec } from '../../../../shared/gen/cordon/v1/command.js';
import { ScanProgress } from '../../../../shared/gen/cordon/v1/ioc.js';
import { toDuration, toTimestamp } from '../../../../shared/time.js';
import { settled, silent } from '../../../fakes/agent-owner.js';
import { FakeClock } from '../../../fakes/fake-clock.js';

const HOUR = 3_600_000;

/** A long job that does what a test says. */
class SteeredJob implements LongJob {
  readonly kind = 'long';
  isReady = true;
  control: RunControl | undefined;
  readonly heard: Steering[] = [];
  forgotten = false;
  kept: CommandResult | undefined;
  finish: (result: CommandResult | undefined) => void = () => undefined;

  ready = (): boolean => this.isReady;
  found = (): CommandResult | undefined => this.kept;
  forget = (): void => void (this.forgotten = true);

  run = (control: RunControl): Promise<CommandResult | undefined> => {
    this.control = control;
    control.steering.subscribe((word) => {
      this.heard.push(word);
      if (word === 'abandon') this.finish(undefined);
    });
    return new Promise((resolve) => (this.finish = resolve));
  };
}

describe('the command runner, with work of hours', () => {
  let folder: string;
  let clock: FakeClock;
  let runner: CommandRunner;
  let updates: CommandUpdate[];
  let jobs: Map<string, SteeredJob>;
  /** Server clock less wall clock. */
  let serverAheadMs: number;

  const work: Work = ({ work: what }: CommandSpec, id) => {
    if (what?.$case === 'selfTest') return { kind: 'short', run: () => new Promise(() => undefined) };
    const job = jobs.get(id) ?? new SteeredJob();
    jobs.set(id, job);
    return job;
  };
  function start(): void {
    updates = [];
    const journal = new CommandJournal(folder, clock);
    runner = new CommandRunner(journal, work, clock, () => clock.wall() + serverAheadMs, silent);
    runner.updates.subscribe((update) => updates.push(update));
  }
  /** The agent is gone, and another one starts: on disk it is the same whether the first one knew of its end. */
  async function restart(): Promise<void> {
    await runner.stop();
    jobs = new Map();
    start();
    await settled();
  }
  const scan = (id: string, change: Partial<CommandOrder> = {}): CommandOrder => ({
    ...CommandOrder.fromPartial({ id, spec: { work: { $case: 'iocScan', value: { taskId: 't' } } } }),
    expiresAt: toTimestamp(clock.wall() + 24 * HOUR),
    runTimeout: toDuration(HOUR),
    ...change,
  });
  const steps = (id: string): string[] =>
    updates
      .filter((update) => update.id === id)
      .map(({ state }) => CommandState[state].replace('COMMAND_STATE_', ''));
  const job = (id: string): SteeredJob => {
    const found = jobs.get(id);
    if (!found) throw new Error(`no job ${id}`);
    return found;
  };
  const scanned = (items: number): CommandResult =>
    CommandResult.fromPartial({ outcome: { $case: 'iocScan', value: { itemsScanned: BigInt(items) } } });
  const files = (count: number): ScanProgress => ScanProgress.fromPartial({ filesScanned: BigInt(count) });

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'cordon-long-jobs-'));
    clock = new FakeClock();
    jobs = new Map();
    serverAheadMs = 0;
    start();
  });
  afterEach(async () => {
    await runner.stop();
    rmSync(folder, { recursive: true });
  });

  it('runs short work beside a long one, and one long one at a time', async () => {
    runner.order(scan('a'));
    runner.order(scan('b'));
    runner.order({ ...scan('c'), spec: { work: { $case: 'selfTest', value: {} } } });
    expect([steps('a'), steps('b'), steps('c')]).to.deep.equal([
      ['ACCEPTED', 'RUNNING'],
      ['ACCEPTED'],
      ['ACCEPTED', 'RUNNING'],
    ]);
    job('a').finish(scanned(1));
    await settled();
    expect([steps('a').at(-1), steps('b').at(-1)]).to.deep.equal(['SUCCEEDED', 'RUNNING']);
    expect(job('a').forgotten).to.equal(true);
  });

  it('starts what is ready before what waits for something', () => {
    jobs.set('a', new SteeredJob());
    job('a').isReady = false;
    runner.order(scan('a'));
    runner.order(scan('b'));
    expect([steps('a').at(-1), steps('b').at(-1)]).to.deep.equal(['ACCEPTED', 'RUNNING']);
    runner.cancel('b');
    job('b').finish(undefined);
    job('a').isReady = true;
    runner.look();
    return settled().then(() => expect(steps('a').at(-1)).to.equal('RUNNING'));
  });

  describe('not before its time', () => {
    it('waits, and starts when the time has come on the clock of the server', () => {
      serverAheadMs = 2 * HOUR;
      runner.order(scan('a', { notBefore: toTimestamp(clock.wall() + 3 * HOUR) }));
      clock.advance(HOUR - 1);
      expect(steps('a')).to.deep.equal(['ACCEPTED']);
      clock.advance(1);
      expect(steps('a')).to.deep.equal(['ACCEPTED', 'RUNNING']);
    });

    it('notices within a minute that the clock was set', () => {
      runner.order(scan('a', { notBefore: toTimestamp(clock.wall() + 3 * HOUR) }));
      clock.jumpWall(3 * HOUR);
      clock.advance(59_000);
      expect(steps('a')).to.deep.equal(['ACCEPTED']);
      clock.advance(1_000);
      expect(steps('a').at(-1)).to.equal('RUNNING');
    });

    it('starts at once after a suspend that it slept through', () => {
      runner.order(scan('a', { notBefore: toTimestamp(clock.wall() + HOUR) }));
      clock.suspend(2 * HOUR);
      expect(steps('a').at(-1)).to.equal('RUNNING');
    });

    it('waits across a restart, and makes up for a start that it missed unless that expired', async () => {
      const due = toTimestamp(clock.wall() + HOUR);
      runner.order(scan('a', { notBefore: due }));
      runner.order(scan('b', { notBefore: due, expiresAt: toTimestamp(clock.wall() + 2 * HOUR) }));
      await restart();
      expect([steps('a'), steps('b')]).to.deep.equal([[], []]);
      clock.advance(HOUR);
      expect(steps('a')).to.deep.equal(['RUNNING']);
      await runner.stop();
      // The clock of an agent that does not run does not fire its timers.
      clock.advance(2 * HOUR);
      await restart();
      expect([steps('a'), steps('b')]).to.deep.equal([['RUNNING'], ['EXPIRED']]);
    });

    it('lets many wait at a time, and expires each on time', () => {
      for (let n = 0; n < 40; n++) {
        const notBefore = toTimestamp(clock.wall() + 5 * HOUR);
        runner.order(scan(`s${n}`, { notBefore, expiresAt: toTimestamp(clock.wall() + (n + 1) * 60_000) }));
      }
      clock.advance(20 * 60_000);
      const ended = [...Array(40).keys()].filter((n) => steps(`s${n}`).at(-1) === 'EXPIRED');
      expect(ended).to.deep.equal([...Array(20).keys()]);
    });
  });

  describe('paused', () => {
    it('is told so, shows it, and its time stands still', async () => {
      runner.order(scan('a'));
      clock.advance(HOUR / 2);
      runner.pause('a');
      clock.advance(10 * HOUR);
      expect(steps('a')).to.deep.equal(['ACCEPTED', 'RUNNING', 'PAUSED']);
      runner.resume('a');
      clock.advance(HOUR / 2 - 1);
      expect(steps('a').at(-1)).to.equal('RUNNING');
      expect(job('a').heard).to.deep.equal(['pause', 'resume']);
      clock.advance(1);
      expect(job('a').heard.at(-1)).to.equal('finish');
      job('a').finish(scanned(7));
      await settled();
      expect(updates.at(-1)).to.deep.include({
        state: CommandState.COMMAND_STATE_TIMED_OUT,
        error: 'ran longer than 3600 s',
        result: scanned(7),
      });
    });

    it('stays so across a restart, and goes on when it is resumed', async () => {
      runner.order(scan('a'));
      runner.pause('a');
      await restart();
      expect(job('a').control).to.equal(undefined);
      expect(runner.pending().map(({ state }) => state)).to.deep.equal([CommandState.COMMAND_STATE_PAUSED]);
      runner.resume('a');
      expect(steps('a').at(-1)).to.equal('RUNNING');
      expect(job('a').control).to.not.equal(undefined);
    });

    it('before its time waits when that comes, for as long as it is paused', () => {
      runner.order(scan('a', { notBefore: toTimestamp(clock.wall() + HOUR) }));
      runner.pause('a');
      expect(steps('a')).to.deep.equal(['ACCEPTED', 'ACCEPTED']);
      clock.advance(2 * HOUR);
      expect(steps('a').at(-1)).to.equal('PAUSED');
      runner.resume('a');
      expect(steps('a').slice(-2)).to.deep.equal(['ACCEPTED', 'RUNNING']);
    });

    it('before it has come waits as well, and does not keep others from running', () => {
      runner.pause('a');
      runner.order(scan('a'));
      runner.order(scan('b'));
      expect([steps('a').at(-1), steps('b').at(-1)]).to.deep.equal(['PAUSED', 'RUNNING']);
    });

    it('and never started still expires', () => {
      runner.pause('a');
      runner.order(scan('a', { expiresAt: toTimestamp(clock.wall() + HOUR) }));
      clock.advance(HOUR);
      expect(steps('a').at(-1)).to.equal('EXPIRED');
    });

    it('is cancelled with what it had found, whether its process lives or not', async () => {
      runner.order(scan('a'));
      runner.pause('a');
      runner.cancel('a');
      job('a').finish(scanned(3));
      await settled();
      expect(updates.at(-1)).to.deep.include({
        state: CommandState.COMMAND_STATE_CANCELLED,
        result: scanned(3),
      });
      runner.order(scan('b'));
      runner.pause('b');
      await restart();
      job('b').kept = scanned(4);
      runner.cancel('b');
      expect(updates.at(-1)).to.deep.include({
        state: CommandState.COMMAND_STATE_CANCELLED,
        result: scanned(4),
      });
    });

    it('short work runs to its end, and its state is told', () => {
      runner.order({ ...scan('c'), spec: { work: { $case: 'selfTest', value: {} } } });
      runner.pause('c');
      expect(steps('c')).to.deep.equal(['ACCEPTED', 'RUNNING', 'RUNNING']);
    });
  });

  it('ends a job that does not end when told to, with what is known of it', () => {
    runner.order(scan('a'));
    job('a').kept = scanned(5);
    runner.cancel('a');
    clock.advance(19_999);
    expect(steps('a').at(-1)).to.equal('RUNNING');
    clock.advance(1);
    expect(updates.at(-1)).to.deep.include({
      state: CommandState.COMMAND_STATE_CANCELLED,
      result: scanned(5),
    });
  });

  describe('progress', () => {
    it('is told at most every five seconds, the newest, and not written down each time', async () => {
      runner.order(scan('a'));
      for (let second = 0; second < 12; second++) {
        job('a').control?.progress(second, files(second));
        clock.advance(1_000);
      }
      const told = updates.filter(({ progress }) => progress).map((update) => update.progressPercent);
      expect(told).to.deep.equal([0, 4, 9]);
      await restart();
      expect(runner.pending()[0]?.progressPercent).to.equal(0);
    });

    it('is in what a new stream is told first, and in the last step', async () => {
      runner.order(scan('a'));
      job('a').control?.progress(40, files(40));
      job('a').control?.progress(41, files(41));
      expect(runner.pending()[0]).to.deep.include({ progressPercent: 41, progress: files(41) });
      runner.cancel('a');
      job('a').finish(undefined);
      await settled();
      expect(updates.at(-1)).to.deep.include({ progressPercent: 41, progress: files(41) });
    });
  });

  describe('when the agent ends in the middle of it', () => {
    it('goes on, before others', async () => {
      runner.order(scan('a'));
      runner.order(scan('b'));
      await restart();
      expect([steps('a'), steps('b')]).to.deep.equal([['RUNNING'], []]);
    });

    it('is given up after five times without having come further', async () => {
      runner.order(scan('a'));
      for (let n = 0; n < 5; n++) await restart();
      expect(steps('a')).to.deep.equal(['RUNNING']);
      await restart();
      expect(runner.pending()[0]).to.include({ state: CommandState.COMMAND_STATE_TIMED_OUT });
      expect(runner.pending()[0]?.error).to.match(
        /stopped 6 times while it ran, and it had not come further/,
      );
    });

    it('is not given up while it comes further each time', async () => {
      runner.order(scan('a'));
      for (let n = 0; n < 12; n++) {
        job('a').control?.advanced();
        await restart();
      }
      expect(steps('a')).to.deep.equal(['RUNNING']);
    });

    it('has not got its time anew', async () => {
      runner.order(scan('a'));
      clock.advance(HOUR / 2);
      job('a').control?.advanced();
      await runner.stop();
      await restart();
      clock.advance(HOUR / 2);
      expect(job('a').heard).to.deep.equal(['finish']);
    });

    it('on purpose, stops it, says nothing, and goes on with the next start', async () => {
      runner.order(scan('a'));
      const before = updates.length;
      await runner.stop();
      expect(job('a').heard).to.deep.equal(['abandon']);
      expect(updates).to.have.length(before);
      expect(job('a').forgotten).to.equal(false);
      await restart();
      expect(steps('a')).to.deep.equal(['RUNNING']);
    });
  });

  it('keeps what a command found until the server has it, and then only that it is over', async () => {
    runner.order(scan('a'));
    job('a').finish(scanned(9));
    await settled();
    expect(runner.pending()[0]?.result).to.deep.equal(scanned(9));
    runner.acknowledged('a');
    expect(runner.pending()).to.deep.equal([]);
    runner.order(scan('a'));
    expect(updates.at(-1)).to.include({ state: CommandState.COMMAND_STATE_SUCCEEDED, result: undefined });
    const journal = new CommandJournal(folder, clock);
    expect(journal.get('a')).to.include({ order: undefined, acknowledged: true });
  });
});
