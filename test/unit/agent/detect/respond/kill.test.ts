import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { expect } from 'chai';
import { killProcess, type KillParts } from '../../../../../agent/detect/respond/kill.js';
import { lookAtLinuxProcess, type LookAtProcess } from '../../../../../agent/detect/respond/processes.js';
import { systemClock } from '../../../../../shared/clock.js';
import { ResponseState } from '../../../../../shared/gen/cordon/v1/ioc.js';

describe('killing a process that matched', () => {
  const children: ChildProcess[] = [];
  afterEach(() => children.splice(0).forEach((child) => child.kill('SIGKILL')));

  /** A process that lives for longer than this test. */
  async function victim(): Promise<{ child: ChildProcess; pid: number; startTime: number }> {
    const startTime = Date.now();
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
    children.push(child);
    await once(child, 'spawn');
    return { child, pid: child.pid ?? 0, startTime };
  }
  const parts = (change: Partial<KillParts> = {}): KillParts => ({
    clock: systemClock,
    look: lookAtLinuxProcess,
    kill: (pid) => void process.kill(pid, 'SIGKILL'),
    self: process.pid,
    ...change,
  });
  async function kill(
    target: { pid: number; startTime: number },
    change: Partial<KillParts> = {},
  ): Promise<[string, string]> {
    const { state, detail } = await killProcess(target, parts(change));
    return [ResponseState[state].replace('RESPONSE_STATE_', ''), detail];
  }

  it('kills it, and says so when it is gone', async () => {
    const { child, ...target } = await victim();
    const gone = once(child, 'exit');
    expect(await kill(target)).to.deep.equal(['DONE', `process ${target.pid} was killed`]);
    expect((await gone)[1]).to.equal('SIGKILL');
    expect((await kill(target))[0]).to.equal('NOT_NEEDED');
  });

  it('leaves a process alone that has only the same number', async () => {
    const { child, pid, startTime } = await victim();
    expect((await kill({ pid, startTime: startTime - 60_000 }))[0]).to.equal('NOT_NEEDED');
    expect([child.exitCode, child.signalCode]).to.deep.equal([null, null]);
  });

  it('never kills the agent, what it was started by, or the first process', async () => {
    const killed: number[] = [];
    for (const pid of [process.pid, process.ppid, 1, 2]) {
      const startTime = lookAtLinuxProcess(pid)?.startedAtMs ?? 0;
      const [state] = await kill({ pid, startTime }, { kill: (each) => killed.push(each) });
      // Not every container has the kernel's threads.
      if (lookAtLinuxProcess(pid)) expect(state, `${pid}`).to.equal('REFUSED');
    }
    expect(killed).to.deep.equal([]);
  });

  it('knows when processes started', async () => {
    const { pid, startTime } = await victim();
    expect(lookAtLinuxProcess(pid)).to.deep.include({ parent: process.pid, ended: false, critical: false });
    expect(lookAtLinuxProcess(pid)?.startedAtMs).to.be.closeTo(startTime, 1_500);
    expect(lookAtLinuxProcess(2 ** 22 + 1)).to.equal(undefined);
  });

  it('says why where the system refuses, and where the process does not go', async () => {
    const facts = { startedAtMs: 5, parent: 1, ended: false, critical: false };
    const look: LookAtProcess = (pid) => (pid === 77 ? facts : undefined);
    const target = { pid: 77, startTime: 5 };
    const refusing = (): never => {
      throw Object.assign(new Error('kill EPERM'), { code: 'EPERM' });
    };
    expect(await kill(target, { look, kill: refusing })).to.deep.equal([
      'FAILED',
      'process 77 could not be killed: EPERM',
    ]);
    const clock = {
      ...systemClock,
      after: (_ms: number, run: () => void) => (setImmediate(run), () => undefined),
    };
    const [state, detail] = await kill(target, { look, kill: () => undefined, clock });
    expect([state, detail]).to.deep.equal(['FAILED', 'process 77 was killed and is still there after 2 s']);
  });
});
