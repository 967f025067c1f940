import { Metadata, status } from '@grpc/grpc-js';
import { expect } from 'chai';
import { Subject, type Observable } from 'rxjs';
import type { Api } from '../../../../cli/client.js';
import { watchAlerts } from '../../../../cli/alerts/feed.js';
import { Alert } from '../../../../shared/gen/cordon/v1/alert.js';
import type {
  WatchAlertsRequest,
  WatchAlertsResponse,
} from '../../../../shared/gen/cordon/v1/alert_service.js';
import { FakeClock } from '../../../fakes/fake-clock.js';

describe('the feed of alerts', () => {
  const failure = (code: status): Error =>
    Object.assign(new Error('lost'), { code, details: 'lost', metadata: new Metadata() });
  const version = (id: string, etag: string): WatchAlertsResponse => ({
    alert: Alert.fromPartial({ id, etag }),
  });

  const setUp = (withOpen: boolean, known: readonly Alert[] = []) => {
    const streams: Subject<WatchAlertsResponse>[] = [];
    const requests: WatchAlertsRequest[] = [];
    const losses: number[] = [];
    const seen: string[] = [];
    const clock = new FakeClock();
    const api: Api = {
      unary: () => Promise.reject(new Error('not asked for')),
      each: () => Promise.reject(new Error('not asked for')),
      stream: <Request, Response>(_method: unknown, request: Request) => {
        requests.push(request as WatchAlertsRequest);
        const stream = new Subject<WatchAlertsResponse>();
        streams.push(stream);
        return stream as unknown as Observable<Response>;
      },
      close: () => {},
    };
    const deps = { api, clock, random: () => 0.5, onLoss: (ms: number) => losses.push(ms) };
    const errors: unknown[] = [];
    watchAlerts({ device: '', withOpen, known }, deps).subscribe({
      next: ({ id, etag }) => seen.push(`${id}/${etag}`),
      error: (error) => errors.push(error),
    });
    return { streams, requests, losses, seen, clock, errors };
  };

  it('comes back after a loss, also a silent one, and shows each version of an alert once', () => {
    const { streams, requests, losses, seen, clock } = setUp(false, [
      Alert.fromPartial({ id: 'old', etag: '1' }),
    ]);
    streams[0]?.error(failure(status.UNAVAILABLE));
    clock.advance(losses[0] ?? 0);
    // What is open now is asked for: something may have been raised in between.
    expect(requests.map(({ withOpen }) => withOpen)).to.deep.equal([false, true]);
    for (const [id, etag] of [
      ['old', '1'],
      ['new', '1'],
      ['new', '1'],
      ['new', '2'],
      ['old', '2'],
    ] as const) {
      streams[1]?.next(version(id, etag));
    }
    expect(seen).to.deep.equal(['new/1', 'new/2', 'old/2']);
  });

  it('comes back when the server ends it', () => {
    const { streams, losses, clock } = setUp(true);
    streams[0]?.complete();
    clock.advance(losses[0] ?? 0);
    expect(streams).to.have.length(2);
  });

  it('ends with what the server answers', () => {
    const { streams, errors, clock } = setUp(true);
    streams[0]?.error(failure(status.NOT_FOUND));
    clock.advance(60_000);
    expect(errors).to.have.length(1);
    expect(streams).to.have.length(1);
  });
});
