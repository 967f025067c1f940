import { join } from 'node:path';
import type { ClientReadableStream } from '@grpc/grpc-js';
import { expect } from 'chai';
import { raiseAlert } from '../../../../server/alerts/raise.js';
import { Store } from '../../../../server/store/store.js';
import { DetectionFound } from '../../../../shared/gen/cordon/v1/agent_service.js';
import {
  AlertServiceClient,
  IsolateFromAlertRequest,
  ListAlertsRequest,
  WatchAlertsRequest,
  type IsolateFromAlertResponse,
  type ListAlertsResponse,
  type WatchAlertsResponse,
} from '../../../../shared/gen/cordon/v1/alert_service.js';
import {
  EventServiceClient,
  StreamEventsRequest,
  type StreamEventsResponse,
} from '../../../../shared/gen/cordon/v1/event_service.js';
import { newId } from '../../../../shared/ids.js';
import { addDevices } from '../device-rows.js';
import { TestServer, answer, refusal } from '../harness.js';

describe('alerts and events on a server', () => {
  let server: TestServer;
  let alerts: AlertServiceClient;
  let events: EventServiceClient;
  const device = newId();
  const id = newId();

  before(async () => {
    server = await TestServer.start();
    alerts = server.client(AlertServiceClient);
    events = server.client(EventServiceClient);
    const store = await Store.openSqlite(join(server.dataDir, 'cordon.db'));
    await addDevices(store, [{ id: device, name: 'web-1' }]);
    const detection = DetectionFound.fromPartial({ source: 'edr', ruleId: 'rule 7' });
    await store.write((tx) =>
      raiseAlert(tx, { id, deviceId: device, occurredAt: 0, receivedAt: 0, detection }),
    );
    await store.close();
  });

  after(async () => {
    alerts.close();
    events.close();
    await server.stop();
  });

  it('are listed, watched, and isolated from, and each change is an event', async () => {
    const { alerts: list } = await answer<ListAlertsResponse>((done) =>
      alerts.listAlerts(ListAlertsRequest.fromPartial({ device: 'web-1' }), server.admin, done),
    );
    expect(list.map(({ title, deviceName }) => [title, deviceName])).to.deep.equal([['rule 7', 'web-1']]);

    const watch = alerts.watchAlerts(WatchAlertsRequest.fromPartial({ withOpen: true }), server.admin);
    const shown = messages<WatchAlertsResponse>(watch);
    expect((await shown.next()).value.alert?.id).to.equal(id);
    const follow = events.streamEvents(StreamEventsRequest.fromPartial({ follow: true }), server.admin);
    const seen = messages<StreamEventsResponse>(follow);
    while ((await seen.next()).value.event?.action !== 'alert.raised');

    const request = IsolateFromAlertRequest.fromPartial({ id, reason: 'case 1' });
    const { order } = await answer<IsolateFromAlertResponse>((done) =>
      alerts.isolateFromAlert(request, server.admin, done),
    );
    expect(order).to.include({ deviceId: device, generation: 2n });
    expect((await shown.next()).value.alert?.isolationId).to.equal(order?.directiveId);
    expect((await seen.next()).value.event?.action).to.equal('isolation.isolate');
    expect((await seen.next()).value.event?.action).to.equal('alert.isolate');
    watch.cancel();
    follow.cancel();
  });

  it('have a clear error', async () => {
    const missing = answer((done) => alerts.getAlert({ id: newId() }, server.admin, done));
    expect(await refusal(missing)).to.include({ reason: 'NOT_FOUND' });
  });
});

function messages<Message>(stream: ClientReadableStream<Message>) {
  stream.on('error', () => undefined);
  return stream[Symbol.asyncIterator]() as AsyncIterator<Message, Message>;
}
