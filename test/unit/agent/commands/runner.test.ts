import { mkdirSync, mkdtempSync, renameSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { CommandJournal } from '../../../../agent/commands/journal.js';
import type { Work } from '../../../../agent/commands/job.js';
import { CommandRunner } from '../../../../agent/commands/runner.js';
import { CommandOrder, type CommandUpdate } from '../../../../shared/gen/cordon/v1/agent_service.js';
import { CommandResult, CommandState, type CommandSpec } from '../../../../shared/gen/cordon/v1/command.js';
import { toDuration, toTimestamp } from '../../../../shared/time.js';
import { settled, silent } from '../../../fakes/agent-owner.js';
import { FakeClock } from '../../../fakes/fake-clock.js';

const DAY = 86_400_000;

describe('the command runner', () => {
  let folder: string;
  let clock: FakeClock;
  let runner: CommandRunner;
  let updates: CommandUpdate[];
  let runs: number;
  let finish: (result: CommandResult) => void;
  let fail: (error: Error) => void;

  const work: Work = ({ work: what }: CommandSpec) =>
    what?.$case === 'selfTest'
      ? {
          kind: 'short',
          run: () => {
            runs += 1;
            return new Promise((resolve, reject) => ((finish = resolve), (fail = reject)));
          },
        }
      : undefined;
  function start(): void {
    updates = [];
    runner = new CommandRunner(new CommandJournal(folder, clock), work, clock, () => clock.wall(), silent);
    runner.updates.subscribe((update) => updates.push(update));
  }
  const order = (id: string, change: Partial<CommandOrder> = {}): CommandOrder => ({
    ...CommandOrder.fromPartial({ id, spec: { work: { $case: 'selfTest', value: {} } } }),
    expiresAt: toTimestamp(clock.wall() + 60_000),
    runTimeout: toDuration(10_000),
    ...change,
  });
  const steps = (id: string): string[] =>
    updates
      .filter((update) => update.id === id)
      .map(({ state }) => CommandState[state].replace('COMMAND_STATE_', ''));

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'cordon-commands-'));
    clock = new FakeClock();
    runs = 0;
    start();
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('runs one command after the other', async () => {
    runner.order(order('a'));
    runner.order(order('b'));
    expect([steps('a'), steps('b')]).to.deep.equal([['ACCEPTED', 'RUNNING'], ['ACCEPTED']]);
    finish(CommandResult.fromPartial({}));
    await settled();
    expect([steps('a').at(-1), steps('b').at(-1)]).to.deep.equal(['SUCCEEDED', 'RUNNING']);
  });

  it('does not take an order that is too large to be kept, and keeps its file small with large ones', async () => {
    const large = (id: string, characters: number): CommandOrder => {
      const value = { settings: { folders: ['x'.repeat(characters)] } };
      const ioc = CommandOrder.fromPartial({ id, spec: { work: { $case: 'iocScan', value } } });
      return { ...order(id), spec: ioc.spec };
    };
    const any: Work = () => ({ kind: 'short', run: () => new Promise(() => undefined) });
    const journal = new CommandJournal(folder, clock);
    const other = new CommandRunner(journal, any, clock, () => clock.wall(), silent);
    other.updates.subscribe((update) => updates.push(update));
    other.order(large('a', 1024 * 1024));
    expect(updates.at(-1)?.error).to.contain('larger than 1 MiB');
    expect(journal.open()).to.have.length(0);
    other.order(large('b', 1024 * 1024 - 200));
    expect(steps('b')).to.deep.equal(['ACCEPTED', 'RUNNING']);
    const [entry] = journal.open();
    for (let step = 0; step < 30; step++) if (entry) journal.put(entry);
    expect(statSync(join(folder, 'commands.log')).size).to.be.lessThan(25 * 1024 * 1024);
    expect(new CommandJournal(folder, clock).open()).to.have.length(1);
    await other.stop();
  });

  it('goes on where the disk takes nothing, and takes no order then', async () => {
    runner.order(order('a'));
    const journal = join(folder, 'commands.log');
    renameSync(journal, `${journal}.old`);
    mkdirSync(journal);
    finish(CommandResult.fromPartial({}));
    await settled();
    expect(steps('a')).to.deep.equal(['ACCEPTED', 'RUNNING', 'SUCCEEDED']);
    expect(() => runner.order(order('b'))).to.throw('EISDIR');
    expect(runner.openIds()).to.deep.equal(['a']);
    rmSync(journal, { recursive: true });
    renameSync(`${journal}.old`, journal);
    runner.order(order('b'));
    expect(steps('b')).to.deep.equal(['ACCEPTED', 'RUNNING']);
  });

  it('says why a command failed', async () => {
    runner.order(order('a'));
    fail(new Error('no nft'));
    await settled();
    expect(updates.at(-1)).to.include({ state: CommandState.COMMAND_STATE_FAILED, error: 'no nft' });
  });

  it('refuses what it does not know, and what came too late', () => {
    runner.order(order('a', { spec: { work: undefined } }));
    runner.order(order('b', { expiresAt: toTimestamp(clock.wall()) }));
    expect([steps('a'), steps('b')]).to.deep.equal([['REJECTED'], ['EXPIRED']]);
    expect(runs).to.equal(0);
  });

  it('does not start a command that expired while it waited', async () => {
    runner.order(order('a', { runTimeout: toDuration(600_000) }));
    runner.order(order('b', { expiresAt: toTimestamp(clock.wall() + 1_000) }));
    clock.advance(2_000);
    finish(CommandResult.fromPartial({}));
    await settled();
    expect(steps('b')).to.deep.equal(['ACCEPTED', 'EXPIRED']);
  });

  it('gives up on a command that runs too long, and ignores what it says later', async () => {
    runner.order(order('a'));
    clock.advance(10_000);
    finish(CommandResult.fromPartial({}));
    await settled();
    expect(steps('a')).to.deep.equal(['ACCEPTED', 'RUNNING', 'TIMED_OUT']);
  });

  it('cancels a command that runs, one that waits, and one that has not come yet', () => {
    runner.order(order('a'));
    runner.order(order('b'));
    for (const id of ['b', 'a', 'c']) runner.cancel(id);
    runner.order(order('c'));
    expect(steps('a').at(-1)).to.equal('CANCELLED');
    expect(steps('b')).to.deep.equal(['ACCEPTED', 'CANCELLED']);
    expect(steps('c')).to.deep.equal(['CANCELLED', 'CANCELLED']);
    expect(runs).to.equal(1);
  });

  it('knows after a crash what ran, and runs what had only been accepted', async () => {
    runner.order(order('a'));
    runner.order(order('b'));
    start();
    await settled();
    expect(runner.pending().map(({ id, state }) => [id, state])).to.deep.equal([
      ['a', CommandState.COMMAND_STATE_TIMED_OUT],
      ['b', CommandState.COMMAND_STATE_RUNNING],
    ]);
    expect(runs).to.equal(2);
  });

  it('answers a duplicate from the journal for 7 days, and takes it for a new one afterwards', () => {
    runner.order(order('a', { spec: { work: undefined } }));
    clock.advance(6 * DAY);
    start();
    runner.order(order('a'));
    expect(steps('a')).to.deep.equal(['REJECTED']);
    clock.advance(2 * DAY);
    start();
    runner.order(order('a'));
    expect(steps('a')).to.deep.equal(['ACCEPTED', 'RUNNING']);
  });

  it('takes no more than 50 commands at a time', () => {
    for (let n = 0; n < 51; n++) runner.order(order(`command-${n}`));
    expect(steps('command-49')).to.deep.equal(['ACCEPTED']);
    expect(steps('command-50')).to.deep.equal(['REJECTED']);
  });
});
