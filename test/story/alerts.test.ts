import { expect } from 'chai';
import { pruneAlerts } from '../../server/alerts/prune.js';
import { appendAudit } from '../../server/store/audit.js';
import { inChunks } from '../../server/store/chunks.js';
import { IsolationMode, IsolationState, ObservedIsolation } from '../../shared/gen/cordon/v1/isolation.js';
import type { AgentEvent } from '../../shared/gen/cordon/v1/agent_service.js';
import { DetectionFound } from '../../shared/gen/cordon/v1/agent_service.js';
import { AlertServiceService, ListAlertsResponse } from '../../shared/gen/cordon/v1/alert_service.js';
import { Alert, AlertState } from '../../shared/gen/cordon/v1/alert.js';
import { EventSeverity } from '../../shared/gen/cordon/v1/event_service.js';
import { Role } from '../../shared/gen/cordon/v1/operator_service.js';
import { newId } from '../../shared/ids.js';
import { toProtoJson } from '../../shared/proto-json.js';
import { fromTimestamp, toDuration, toTimestamp } from '../../shared/time.js';
import { AlertDesk } from './alert-desk.js';
import { refused } from './desk.js';
import { LinkSite, until, type ToldAgent } from './server-link-site.js';

const CLIENT_TAKES = 4 * 1024 * 1024;

describe('an alert', () => {
  let site: LinkSite;
  let desk: AlertDesk;
  let device: string;
  let agent: ToldAgent;

  beforeEach(async () => {
    site = await LinkSite.open();
    desk = new AlertDesk(site);
    device = await site.device('web-1');
    agent = site.agent(device);
    await agent.hello();
  });

  afterEach(async () => {
    desk.close();
    await site.close();
  });

  /** The device says it over its stream. Returns the id. */
  async function detects(
    said: Partial<DetectionFound> = {},
    { id = newId(), by = agent, occurredAt = toTimestamp(Date.UTC(2026, 0, 1)) } = {},
  ): Promise<string> {
    const value = { ...DetectionFound.fromPartial({ source: 'edr', ruleId: 'rule 7' }), ...said };
    const event: AgentEvent = { id, occurredAt, event: { $case: 'detectionFound', value } };
    await by.say({ $case: 'event', value: event });
    return id;
  }
  const get = async (id: string): Promise<Alert> => {
    const { alert } = await desk.call(AlertServiceService.getAlert, { id }, Role.ROLE_VIEWER);
    if (!alert) throw new Error('no alert');
    return alert;
  };
  const comment = async (id: string, text: string, requestId = ''): Promise<Alert | undefined> =>
    (await desk.call(AlertServiceService.commentAlert, { id, text, requestId })).alert;
  const close = async (id: string, words = ''): Promise<Alert | undefined> =>
    (await desk.call(AlertServiceService.closeAlert, { id, comment: words, requestId: '' })).alert;
  const isolate = (id: string, reason = 'case 1', hours?: number) =>
    desk.call(AlertServiceService.isolateFromAlert, {
      id,
      reason,
      requestId: '',
      releaseDelay: hours === undefined ? undefined : toDuration(hours * 3_600_000),
    });

  describe('of a detection', () => {
    it('is one however often the device sends it, acknowledged each time, with one audit record', async () => {
      const id = await detects();
      await detects({}, { id });
      expect(agent.transport.payloads('eventAck').map(({ eventIds }) => eventIds)).to.deep.equal([
        [id],
        [id],
      ]);
      expect((await desk.list()).map((alert) => alert.id)).to.deep.equal([id]);
      expect(await site.audited(device)).to.deep.equal(['alert.raised']);
    });

    it('says what matched, when, on which device, and that it is open', async () => {
      const isolationId = newId();
      const occurredAt = toTimestamp(Date.UTC(2025, 11, 31));
      const id = await detects({ detailsJson: '{"file":"a"}', isolationId }, { occurredAt });
      expect(await get(id)).to.deep.include({
        id,
        deviceId: device,
        deviceName: 'web-1',
        source: 'edr',
        ruleId: 'rule 7',
        title: 'rule 7',
        detailsJson: '{"file":"a"}',
        occurredAt,
        receivedAt: toTimestamp(site.clock.wall()),
        state: AlertState.ALERT_STATE_OPEN,
        isolationId,
        deviceIsolation: IsolationState.ISOLATION_STATE_RELEASED,
        comments: [],
        closedBy: '',
        closedAt: undefined,
      });
    });

    it('does not name the isolation of another device', async () => {
      const other = await site.device('web-2');
      await site.order(other, 'isolate');
      const { id: others } = await site.store.read
        .selectFrom('isolations')
        .select('id')
        .executeTakeFirstOrThrow();
      expect((await get(await detects({ isolationId: others }))).isolationId).to.equal('');
    });

    it('can be printed whenever its device says that it happened', async () => {
      const id = await detects({}, { occurredAt: { seconds: 2n ** 63n - 1n, nanos: 2_000_000_000 } });
      const alert = await get(id);
      expect(alert.occurredAt && fromTimestamp(alert.occurredAt)).to.equal(site.clock.wall());
      expect(toProtoJson('Alert', Alert, alert)).to.be.an('object');
    });

    it('keeps its comments, state and place in the list when its device is removed, and is found by its id', async () => {
      const id = await detects();
      await site.store.write((tx) => tx.deleteFrom('devices').where('id', '=', device).execute());
      expect(await get(id)).to.include({ deviceName: '', deviceIsolation: 0 });
      expect(await desk.list({ device })).to.have.lengthOf(1);
      expect(await refused(isolate(id))).to.deep.include({ reason: 'DEVICE_NOT_FOUND' });
      expect(await close(id)).to.include({ state: AlertState.ALERT_STATE_CLOSED });
    });
  });

  describe('in a list', () => {
    it('comes newest first by when the server heard of it, page by page, and is filtered', async () => {
      const other = await site.device('web-2');
      const second = site.agent(other);
      await second.hello();
      const taskId = newId();
      const a = await detects({ source: 'ioc-scan', iocMatch: match({ taskId }) });
      const b = await detects({}, { by: second, id: '00000000-0000-4000-8000-000000000000' });
      const c = await detects();
      await close(c);
      const ids = async (request: Parameters<AlertDesk['list']>[0]): Promise<string[]> =>
        (await desk.list(request)).map(({ id }) => id);
      expect(await ids({})).to.deep.equal([c, b, a]);
      expect(await ids({ device: 'web-1' })).to.deep.equal([c, a]);
      expect(await ids({ device: other })).to.deep.equal([b]);
      expect(await ids({ state: AlertState.ALERT_STATE_OPEN })).to.deep.equal([b, a]);
      expect(await ids({ state: AlertState.ALERT_STATE_CLOSED })).to.deep.equal([c]);
      expect(await ids({ source: 'ioc-scan' })).to.deep.equal([a]);
      expect(await ids({ taskId })).to.deep.equal([a]);
      expect(await ids({ device: 'web-1', source: 'edr', state: AlertState.ALERT_STATE_OPEN })).to.deep.equal(
        [],
      );

      const read: string[] = [];
      let pageToken = '';
      do {
        const request = { pageSize: 1, pageToken, device: '', state: 0, source: '', taskId: '' };
        const page = await desk.call(AlertServiceService.listAlerts, request);
        read.push(...page.alerts.map(({ id }) => id));
        pageToken = page.nextPageToken;
      } while (pageToken !== '');
      expect(read).to.deep.equal([c, b, a]);
    });

    it('never makes an answer larger than a client takes', async () => {
      const value = 'x'.repeat(1024);
      const nodes = Array.from({ length: 110 }, () => ({
        depth: 0,
        indicatorId: '',
        node: { $case: 'term' as const, value: { term: 'a', condition: 'is', content: value, value } },
      }));
      for (let count = 0; count < 30; count += 1) {
        await detects({ source: 'ioc-scan', iocMatch: match({ nodes }) });
      }
      let read = 0;
      for (let pageToken = ''; ;) {
        const request = { pageSize: 1000, pageToken, device: '', state: 0, source: '', taskId: '' };
        const page = await desk.call(AlertServiceService.listAlerts, request);
        const bytes = ListAlertsResponse.encode(page).finish().length;
        expect(bytes).to.be.lessThan(CLIENT_TAKES).and.greaterThan(200_000);
        read += page.alerts.length;
        pageToken = page.nextPageToken;
        if (pageToken === '') break;
      }
      expect(read).to.equal(30);
    });
  });

  describe('that somebody works on', () => {
    it('keeps comments in order, and changes its etag with each', async () => {
      const id = await detects();
      const first = await get(id);
      await comment(id, 'looks real');
      const second = await comment(id, 'and is');
      expect(second?.comments).to.deep.equal([
        { author: 'ada', writtenAt: toTimestamp(site.clock.wall()), text: 'looks real' },
        { author: 'ada', writtenAt: toTimestamp(site.clock.wall()), text: 'and is' },
      ]);
      expect(new Set([first.etag, second?.etag, (await close(id))?.etag]).size).to.equal(3);
    });

    it('gets a comment once, however often the request is repeated', async () => {
      const id = await detects();
      const requestId = newId();
      expect(await comment(id, 'once', requestId)).to.deep.equal(await comment(id, 'once', requestId));
      expect((await get(id)).comments).to.have.lengthOf(1);
    });

    it('is closed once, with a last comment, and can still be commented on', async () => {
      const id = await detects();
      site.clock.advance(1_000);
      const closed = await close(id, 'false alarm');
      expect(closed).to.deep.include({
        state: AlertState.ALERT_STATE_CLOSED,
        closedBy: 'ada',
        closedAt: toTimestamp(site.clock.wall()),
      });
      expect(closed?.comments.map(({ text }) => text)).to.deep.equal(['false alarm']);
      expect((await refused(close(id))).message).to.equal(`alert ${id} was closed already, by ada`);
      expect((await comment(id, 'really'))?.comments).to.have.lengthOf(2);
    });

    it('takes 1000 comments and no more, and can be closed and isolated from all the same', async () => {
      const id = await detects();
      const before = Array.from({ length: 999 }, (_, index) => ({
        alert_id: id,
        number: index + 1,
        author: 'ada',
        written_at: 0,
        text: 'x',
      }));
      await site.store.write(async (tx) => {
        for (const chunk of inChunks(before)) await tx.insertInto('alert_comments').values(chunk).execute();
        await tx.updateTable('alerts').set({ comment_count: before.length }).execute();
      });
      expect((await comment(id, 'the last one'))?.comments).to.have.lengthOf(1000);
      expect(await refused(comment(id, 'one more'))).to.include({ reason: 'QUEUE_FULL' });
      expect(await refused(close(id, 'one more'))).to.include({ reason: 'QUEUE_FULL' });
      expect((await isolate(id)).order?.deviceId).to.equal(device);
      expect((await close(id))?.comments).to.have.lengthOf(1000);
    });

    it('fits into an answer, however long its comments are', async () => {
      const id = await detects();
      const text = '\u{1f4a3}'.repeat(10_000);
      let problem = '';
      for (let count = 0; problem === ''; count += 1) {
        problem = await comment(id, text).then(
          () => '',
          (error: Error) => error.message,
        );
        expect(count).to.be.lessThan(30);
      }
      expect(problem).to.match(/^the alert has 2\d comments, and no more fit/);
      expect(Alert.encode(await get(id)).finish().length).to.be.lessThan(CLIENT_TAKES / 2);
    });

    for (const [what, named, call] of [
      ['get without id', 'id', () => get('')],
      ['comment without text', 'text', (id: string) => comment(id, ' ')],
      ['comment with a long text', 'text', (id: string) => comment(id, 'x'.repeat(10_001))],
      ['close with a long comment', 'comment', (id: string) => close(id, 'x'.repeat(10_001))],
      ['comment with a wrong request_id', 'request_id', (id: string) => comment(id, 'x', 'y')],
      ['isolate without reason', 'reason', (id: string) => isolate(id, ' ')],
      ['isolate with a short delay', 'release_delay', (id: string) => isolate(id, 'x', 0.001)],
      ['list with a wrong state', 'state', () => desk.list({ state: 7 as AlertState })],
      ['list with a foreign token', 'page_token', () => desk.list({ pageToken: token('audit:1') })],
      ['list with a wrong token', 'page_token', () => desk.list({ pageToken: token('alerts:x') })],
    ] as const) {
      it(`names the field of a wrong request and changes nothing: ${what}`, async () => {
        const id = await detects();
        expect(await refused(call(id))).to.include({ reason: 'INVALID_FIELD', field: named });
        expect((await get(id)).comments).to.deep.equal([]);
        expect(await site.audited(device)).to.deep.equal(['alert.raised']);
      });
    }

    for (const [what, call] of [
      ['get', get],
      ['comment', (id: string) => comment(id, 'x')],
      ['close', (id: string) => close(id)],
      ['isolate', (id: string) => isolate(id)],
    ] as const) {
      it(`is not found under another id: ${what}`, async () => {
        expect(await refused(call(newId()))).to.include({ reason: 'NOT_FOUND' });
      });
    }

    it('is changed by operators alone', async () => {
      const id = await detects();
      const request = { id, text: 'x', requestId: '' };
      const viewer = desk.call(AlertServiceService.commentAlert, request, Role.ROLE_VIEWER);
      expect(await refused(viewer)).to.include({ reason: 'ROLE_TOO_LOW' });
      expect((await get(id)).comments).to.deep.equal([]);
    });
  });

  describe('that the computer is isolated from', () => {
    it('orders manual isolation in one transaction with its records, and the device gets it', async () => {
      if (agent.desired) {
        await agent.applied(agent.desired, { state: IsolationState.ISOLATION_STATE_RELEASED });
      }
      const id = await detects();
      const { order } = await isolate(id, 'case 9', 4);
      await until(() => agent.desired?.directive?.id === order?.directiveId);
      expect(agent.desired?.directive).to.deep.include({
        reason: 'case 9',
        requestedBy: 'ada',
        releaseDelay: toDuration(4 * 3_600_000),
      });
      const record = await site.store.read
        .selectFrom('isolations')
        .selectAll()
        .where('id', '=', order?.directiveId ?? '')
        .executeTakeFirstOrThrow();
      expect(record).to.include({ mode: IsolationMode.ISOLATION_MODE_MANUAL, requested_by: 'ada' });
      const alert = await get(id);
      expect(alert.isolationId).to.equal(order?.directiveId);
      expect(alert.comments.map(({ text }) => text)).to.deep.equal(['isolated this computer: case 9']);
      expect(alert.state).to.equal(AlertState.ALERT_STATE_OPEN);
      expect(await site.audited(device)).to.deep.equal([
        'alert.raised',
        'isolation.isolate',
        'alert.isolate',
      ]);
    });

    it('keeps the isolation that the detection started', async () => {
      const isolationId = newId();
      const id = await detects({ isolationId });
      await isolate(id);
      expect((await get(id)).isolationId).to.equal(isolationId);
    });
  });

  describe('that is watched', () => {
    it('is shown when it is open, oldest first, and at each change', async () => {
      const a = await detects();
      const closed = await detects();
      await close(closed);
      const b = await detects();
      const seen = desk.watchAlerts({ withOpen: true });
      expect([(await seen.next()).id, (await seen.next()).id]).to.deep.equal([a, b]);
      const next = seen.next();
      const c = await detects();
      expect((await next).id).to.equal(c);
      await comment(a, 'looks real');
      expect(await seen.next()).to.deep.equal(await get(a));
      await isolate(b);
      expect((await seen.next()).isolationId).not.to.equal('');
      await close(b);
      expect(await seen.next()).to.deep.include({ id: b, state: AlertState.ALERT_STATE_CLOSED });
    });

    it('is shown in its newest state to a client that is slow, once for many changes', async () => {
      const a = await detects();
      const seen = desk.watchAlerts();
      const first = seen.next();
      const b = await detects();
      expect((await first).id).to.equal(b);
      for (let count = 0; count < 5; count += 1) await comment(a, `${count}`);
      await close(b);
      expect((await seen.next()).comments).to.have.lengthOf(5);
      expect((await seen.next()).id).to.equal(b);
    });

    it('is not shown to who watches another device', async () => {
      const other = await site.device('web-2');
      const second = site.agent(other);
      await second.hello();
      const seen = desk.watchAlerts({ device: 'web-2' });
      const next = seen.next();
      await detects();
      const wanted = await detects({}, { by: second });
      expect((await next).id).to.equal(wanted);
      expect(await refused(desk.watchAlerts({ device: 'nobody' }).next())).to.include({
        reason: 'DEVICE_NOT_FOUND',
      });
    });
  });

  describe('of a device that raises too many', () => {
    const most = { alerts: 5, atOnce: 2 };

    it('goes when it is old, closed ones first, and the audit counts what has gone', async () => {
      const ids: string[] = [];
      for (let count = 0; count < 6; count += 1) ids.push(await detects());
      await close(ids[3] ?? '', 'done');
      const other = site.agent(await site.device('web-2'));
      await other.hello();
      const others = await detects({}, { by: other });
      await site.store.write((tx) => pruneAlerts(tx, device, site.clock.wall(), most));
      expect((await desk.list()).map(({ id }) => id)).to.deep.equal([others, ids[5], ids[4], ids[2], ids[1]]);
      expect(await site.store.read.selectFrom('alert_comments').selectAll().execute()).to.deep.equal([]);
      const [dropped] = (await desk.events().rest()).filter(({ action }) => action === 'alert.dropped');
      expect(dropped).to.deep.include({
        severity: EventSeverity.EVENT_SEVERITY_WARNING,
        actor: 'server',
        detailsJson: '{"closed":1,"open":1}',
      });
      await detects({}, { id: ids[0] });
      expect(await desk.list({ device })).to.have.lengthOf(4);
    });

    it('stays while there are no more than the bound', async () => {
      for (let count = 0; count < 5; count += 1) await detects();
      await site.store.write((tx) => pruneAlerts(tx, device, site.clock.wall(), most));
      expect(await desk.list()).to.have.lengthOf(5);
    });
  });

  describe('in the stream of events', () => {
    it('comes with its match, in its place, and says the same when it is read again later', async () => {
      const id = await detects({ source: 'ioc-scan', iocMatch: match({ documentName: 'EvilBunny' }) });
      await comment(id, 'looks real');
      const events = await desk.events().rest();
      expect(events.map(({ sequence, action }) => [sequence, action])).to.deep.equal([
        [1n, 'alert.raised'],
        [2n, 'alert.comment'],
      ]);
      expect(events[0]).to.include({
        severity: EventSeverity.EVENT_SEVERITY_ALERT,
        actor: `device:${device}`,
        deviceId: device,
        deviceName: 'web-1',
      });
      expect(JSON.parse(events[0]?.detailsJson ?? '')).to.deep.include({
        id,
        title: 'EvilBunny',
        comments: [],
      });
      expect(JSON.parse(events[0]?.detailsJson ?? '')).to.have.nested.property('iocMatch.nodes');
      expect(JSON.parse(events[1]?.detailsJson ?? '')).to.include({ alert_id: id, text: 'looks real' });
      await close(id);
      expect((await desk.events().rest())[0]).to.deep.equal(events[0]);
    });

    it('is still there when the alert itself was dropped', async () => {
      const id = await detects();
      await site.store.write((tx) => tx.deleteFrom('alerts').execute());
      const [event] = await desk.events().rest();
      expect(JSON.parse(event?.detailsJson ?? '')).to.include({ id, source: 'edr', ruleId: 'rule 7' });
    });

    it('goes on after a number, and waits for what comes', async () => {
      await detects();
      await detects();
      const seen = desk.events({ afterSequence: 1n, follow: true });
      expect((await seen.next()).sequence).to.equal(2n);
      const next = seen.next();
      await detects();
      expect((await next).sequence).to.equal(3n);
      expect(await desk.events({ afterSequence: 3n }).rest()).to.deep.equal([]);
    });

    it('comes by the sweep where another process has written it', async () => {
      const seen = desk.events({ follow: true });
      const next = seen.next();
      await until(() => site.clock.pending > 0);
      await appendElsewhere(site);
      site.clock.advance(5_000);
      expect((await next).sequence).to.equal(1n);
    });

    for (const afterSequence of [1n, 2n ** 64n - 1n]) {
      it(`is refused after a number that the log has not reached (${afterSequence})`, async () => {
        expect(await refused(desk.events({ afterSequence, follow: true }).next())).to.include({
          reason: 'INVALID_FIELD',
          field: 'after_sequence',
        });
      });
    }
  });

  it('is preceded by a record of the isolation that the device started by itself', async () => {
    const observed = ObservedIsolation.fromPartial({
      state: IsolationState.ISOLATION_STATE_ISOLATED,
      mode: IsolationMode.ISOLATION_MODE_AUTOMATIC,
      isolationId: newId(),
      requestedBy: 'detector:ioc-scan',
      reason: 'EvilBunny matched',
    });
    for (const id of [newId(), newId()]) {
      const event = { $case: 'isolationChanged' as const, value: { observed } };
      await agent.say({ $case: 'event', value: { id, occurredAt: undefined, event } });
    }
    const [started, ...more] = await desk.events().rest();
    expect(more).to.deep.equal([]);
    expect(started).to.include({ action: 'isolation.started', reason: 'EvilBunny matched' });
    expect(started?.severity).to.equal(EventSeverity.EVENT_SEVERITY_WARNING);
    expect(JSON.parse(started?.detailsJson ?? '')).to.deep.equal({
      isolation_id: observed.isolationId,
      detector: 'detector:ioc-scan',
    });
  });
});

function match(said: Partial<NonNullable<Alert['iocMatch']>>): NonNullable<Alert['iocMatch']> {
  return {
    documentHash: Buffer.alloc(32, 7),
    documentId: 'c32b8af6',
    documentName: 'document',
    taskId: '',
    commandId: '',
    items: [],
    nodes: [],
    nodesOmitted: 0,
    ...said,
  };
}

function token(text: string): string {
  return Buffer.from(text).toString('base64url');
}

/** A record that no commit of this process made: nothing pokes the feed. */
async function appendElsewhere(site: LinkSite): Promise<void> {
  await site.store.read
    .transaction()
    .execute((tx) => appendAudit(tx, { occurredAt: 0, actor: 'server', action: 'api_token.create' }));
}
