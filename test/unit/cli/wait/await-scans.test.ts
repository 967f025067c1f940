import { Metadata, status } from '@grpc/grpc-js';
import { expect } from 'chai';
import { awaitScans } from '../../../../cli/wait/await-scans.js';
import { Command, CommandState } from '../../../../shared/gen/cordon/v1/command.js';
import { FakeClock } from '../../../fakes/fake-clock.js';

describe('waiting for scans', () => {
  const failure = (code: status): Error =>
    Object.assign(new Error('lost'), { code, details: 'lost', metadata: new Metadata() });
  const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

  const setUp = (ids: readonly string[]) => {
    const clock = new FakeClock();
    const states = new Map(ids.map((id) => [id, CommandState.COMMAND_STATE_RUNNING]));
    const asked: (readonly string[])[] = [];
    const losses: number[] = [];
    const server: { error: Error | undefined } = { error: undefined };
    let interrupt = (): void => {};
    let forgotten = false;
    const ended = awaitScans(ids, {
      clock,
      read: (open) => {
        asked.push(open);
        if (server.error) return Promise.reject(server.error);
        return Promise.resolve(open.map((id) => Command.fromPartial({ id, state: states.get(id) ?? 0 })));
      },
      show: () => {},
      onLoss: (delayMs) => losses.push(delayMs),
      timeoutMs: 60_000,
      onInterrupt: (stop) => {
        interrupt = stop;
        return () => (forgotten = true);
      },
    });
    const result: { states?: CommandState[]; error?: unknown } = {};
    void ended.then(
      (commands) => (result.states = commands.map(({ state }) => state)),
      (error: unknown) => (result.error = error),
    );
    const pass = async (ms: number): Promise<void> => {
      await settled();
      clock.advance(ms);
      await settled();
    };
    return {
      states,
      asked,
      losses,
      server,
      result,
      pass,
      clock,
      interrupt: () => interrupt(),
      forgotten: () => forgotten,
    };
  };

  const SUCCEEDED = CommandState.COMMAND_STATE_SUCCEEDED;
  const RUNNING = CommandState.COMMAND_STATE_RUNNING;

  it('asks only for those that have not ended, and ends with all of them in order', async () => {
    const { states, asked, result, pass, forgotten, clock } = setUp(['a', 'b']);
    states.set('a', SUCCEEDED);
    await pass(500);
    await pass(500);
    expect(asked).to.deep.equal([['a', 'b'], ['a', 'b'], ['b']]);
    expect(result.states).to.equal(undefined);
    states.set('b', CommandState.COMMAND_STATE_FAILED);
    await pass(500);
    expect(result.states).to.deep.equal([SUCCEEDED, CommandState.COMMAND_STATE_FAILED]);
    expect(forgotten()).to.equal(true);
    expect(clock.pending).to.equal(0);
  });

  it('waits for a server that is away, and asks less often then', async () => {
    const { states, server, losses, result, pass } = setUp(['a']);
    await pass(0);
    server.error = failure(status.UNAVAILABLE);
    await pass(500);
    expect(losses).to.deep.equal([5000]);
    server.error = undefined;
    states.set('a', SUCCEEDED);
    await pass(500);
    expect(result.states).to.equal(undefined);
    await pass(5000);
    expect(result.states).to.deep.equal([SUCCEEDED]);
  });

  it('ends with what the server answers', async () => {
    const { server, result, pass } = setUp(['a']);
    server.error = failure(status.PERMISSION_DENIED);
    await pass(500);
    expect(result.error).to.equal(server.error);
  });

  it('ends when the time is over, or at once when somebody interrupts', async () => {
    const late = setUp(['a']);
    for (let step = 0; step < 119; step += 1) await late.pass(500);
    expect(late.result.states).to.equal(undefined);
    await late.pass(500);
    expect(late.result.states).to.deep.equal([RUNNING]);
    const stopped = setUp(['a']);
    await stopped.pass(0);
    stopped.interrupt();
    await settled();
    expect(stopped.result.states).to.deep.equal([RUNNING]);
    expect(stopped.clock.pending).to.equal(0);
  });

  it('asks more seldom for many', async () => {
    const { asked, pass } = setUp(Array.from({ length: 21 }, (_, at) => `c${at}`));
    await pass(1999);
    expect(asked).to.have.length(1);
    await pass(1);
    expect(asked).to.have.length(2);
  });
});
