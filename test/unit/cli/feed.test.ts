import { Metadata, status, type ServiceError } from '@grpc/grpc-js';
import { expect } from 'chai';
import { Subject, type Observable } from 'rxjs';
import type { Api } from '../../../cli/client.js';
import { watchDevices, type WatchEvent } from '../../../cli/feed.js';
import { Device } from '../../../shared/gen/cordon/v1/device.js';
import type { WatchDevicesResponse } from '../../../shared/gen/cordon/v1/device_service.js';
import { FakeClock } from '../../fakes/fake-clock.js';

const failure = (code: status): ServiceError =>
  Object.assign(new Error(), { code, details: 'gone', metadata: new Metadata() });

const bookmark: WatchDevicesResponse = { event: { $case: 'bookmark', value: {} } };
const laptop: WatchDevicesResponse = {
  event: { $case: 'device', value: Device.fromPartial({ id: 'd1', name: 'laptop' }) },
};

describe('the feed of devices', () => {
  const setUp = (): {
    streams: Subject<WatchDevicesResponse>[];
    clock: FakeClock;
    feed: Observable<WatchEvent>;
    losses: number[];
  } => {
    const streams: Subject<WatchDevicesResponse>[] = [];
    const losses: number[] = [];
    const clock = new FakeClock();
    const api: Api = {
      unary: () => Promise.reject(new Error('not asked for')),
      each: () => Promise.reject(new Error('not asked for')),
      stream: <_Request, Response>() => {
        const stream = new Subject<WatchDevicesResponse>();
        streams.push(stream);
        return stream as unknown as Observable<Response>;
      },
      close: () => {},
    };
    const feed = watchDevices([], { api, clock, random: () => 0.5, onLoss: (ms) => losses.push(ms) });
    return { streams, clock, feed, losses };
  };

  it('comes back after a loss, later each time, and delivers what is new', () => {
    const { streams, clock, feed, losses } = setUp();
    const seen: string[] = [];
    const subscription = feed.subscribe((event) => seen.push(event.$case));
    streams[0]?.next(laptop);
    streams[0]?.error(failure(status.UNAVAILABLE));
    expect(streams).to.have.length(1);
    clock.advance(losses[0] ?? 0);
    expect(streams).to.have.length(2);
    streams[1]?.error(failure(status.UNAVAILABLE));
    clock.advance(losses[1] ?? 0);
    expect(losses[1]).to.be.greaterThan(losses[0] ?? Infinity);
    streams[2]?.next(bookmark);
    expect(seen).to.deep.equal(['device', 'bookmark']);
    subscription.unsubscribe();
    expect(streams[2]?.observed).to.equal(false);
  });

  it('comes back when the server ends the stream by itself', () => {
    const { streams, clock, feed, losses } = setUp();
    const subscription = feed.subscribe();
    streams[0]?.next(bookmark);
    streams[0]?.complete();
    clock.advance(losses[0] ?? 0);
    expect(streams).to.have.length(2);
    subscription.unsubscribe();
  });

  it('starts over with short waits after a healthy time', () => {
    const { streams, clock, feed, losses } = setUp();
    const subscription = feed.subscribe();
    streams[0]?.next(bookmark);
    for (const attempt of [0, 1, 2, 3]) {
      streams[attempt]?.error(failure(status.UNAVAILABLE));
      clock.advance(losses[attempt] ?? 0);
    }
    expect(losses[3]).to.equal(2000);
    streams[4]?.next(bookmark);
    clock.advance(11_000);
    streams[4]?.error(failure(status.UNAVAILABLE));
    expect(losses[4]).to.equal(500);
    subscription.unsubscribe();
    expect(clock.pending).to.equal(0);
  });

  it('passes on what the server answers, and does not try again', () => {
    const { streams, clock, feed } = setUp();
    let told: unknown;
    feed.subscribe({ error: (error: unknown) => (told = error) });
    const refusal = failure(status.NOT_FOUND);
    streams[0]?.error(refusal);
    clock.advance(60_000);
    expect(told).to.equal(refusal);
    expect(streams).to.have.length(1);
  });

  it('does not keep trying a server that it never reached', () => {
    const { streams, feed } = setUp();
    let told: unknown;
    feed.subscribe({ error: (error: unknown) => (told = error) });
    const loss = failure(status.UNAVAILABLE);
    streams[0]?.error(loss);
    expect(told).to.equal(loss);
  });
});
