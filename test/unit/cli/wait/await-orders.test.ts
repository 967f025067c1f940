import { expect } from 'chai';
import { Subject } from 'rxjs';
import type { WatchEvent } from '../../../../cli/feed.js';
import { awaitOrders } from '../../../../cli/wait/await-orders.js';
import { waitExitCode, type Wait } from '../../../../cli/wait/progress.js';
import { createWaitView } from '../../../../cli/wait/view.js';
import { Device } from '../../../../shared/gen/cordon/v1/device.js';
import { IsolationState } from '../../../../shared/gen/cordon/v1/isolation.js';
import type { DeviceOrder } from '../../../../shared/gen/cordon/v1/isolation_service.js';
import { FakeClock } from '../../../fakes/fake-clock.js';

const order: DeviceOrder = { deviceId: 'd1', deviceName: 'laptop', generation: 2n, directiveId: 'x2' };
const isolated: WatchEvent = {
  $case: 'device',
  value: Device.fromPartial({
    id: 'd1',
    generation: 2n,
    observedGeneration: 2n,
    directive: { id: 'x2' },
    observed: { state: IsolationState.ISOLATION_STATE_ISOLATED, isolationId: 'x2' },
  }),
};

describe('waiting for devices', () => {
  const setUp = (send = (): Promise<DeviceOrder[]> => Promise.resolve([order])) => {
    const clock = new FakeClock();
    const feed = new Subject<WatchEvent>();
    const shown: string[] = [];
    let interrupt = (): void => {};
    const sink = { isTTY: false, columns: undefined, write: (text: string) => void shown.push(text) };
    const waiting: Promise<Wait> = awaitOrders('isolate', send, {
      feed,
      clock,
      view: createWaitView(sink, () => clock.wall()),
      timeoutMs: 60_000,
      onInterrupt: (stop) => {
        interrupt = stop;
        return () => {};
      },
    });
    return { clock, feed, shown, waiting, interrupt: () => interrupt() };
  };
  /** Lets promises that are due continue. */
  const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

  it('misses no report, not even one that comes before the answer to the order', async () => {
    let answer: (orders: DeviceOrder[]) => void = () => {};
    const { clock, feed, shown, waiting } = setUp(() => new Promise((resolve) => (answer = resolve)));
    feed.next(isolated);
    answer([order]);
    await settled();
    clock.advance(1000);
    expect(waitExitCode(await waiting)).to.equal(0);
    expect(shown).to.deep.equal(['laptop: isolated, not checked yet\n']);
  });

  it('ends when the time is over, and leaves nothing running', async () => {
    const { clock, feed, waiting } = setUp();
    await settled();
    clock.advance(60_000);
    expect(waitExitCode(await waiting)).to.equal(3);
    expect(clock.pending).to.equal(0);
    expect(feed.observed).to.equal(false);
  });

  it('ends when the person interrupts', async () => {
    const { waiting, interrupt } = setUp();
    await settled();
    interrupt();
    expect(waitExitCode(await waiting)).to.equal(3);
  });

  it('fails with what the server answers to the order', async () => {
    const refusal = new Error('no such device');
    const { feed, waiting } = setUp(() => Promise.reject(refusal));
    const told = await waiting.catch((error: unknown) => error);
    expect(told).to.equal(refusal);
    expect(feed.observed).to.equal(false);
  });

  it('fails with what the server answers to the watch', async () => {
    const { clock, feed, waiting } = setUp();
    await settled();
    feed.error(new Error('token revoked'));
    clock.advance(1000);
    expect(await waiting.catch((error: Error) => error.message)).to.equal('token revoked');
  });
});
