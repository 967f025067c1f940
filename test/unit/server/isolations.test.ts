import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import { expect } from 'chai';
import { Store } from '../../../server/store/store.js';
import { keepSettings, defaultDeviceSettings } from '../../../server/desired/settings.js';
import { DeviceFilter } from '../../../shared/gen/cordon/v1/device.js';
import { DeviceServiceClient } from '../../../shared/gen/cordon/v1/device_service.js';
import { Exclusion } from '../../../shared/gen/cordon/v1/exclusion.js';
import {
  IsolationEndCause,
  IsolationMode,
  IsolationSettings,
  type Isolation,
} from '../../../shared/gen/cordon/v1/isolation.js';
import {
  IsolateDevicesRequest,
  IsolationServiceClient,
  ListIsolationsRequest,
  ReleaseDevicesRequest,
  type DeviceOrder,
  type GetIsolationResponse,
  type ListIsolationsResponse,
} from '../../../shared/gen/cordon/v1/isolation_service.js';
import { newId } from '../../../shared/ids.js';
import { fromDuration, toDuration } from '../../../shared/time.js';
import { addDevices } from './device-rows.js';
import { TestServer, answer, refusal } from './harness.js';

const HOUR_MS = 3_600_000;

describe('isolations on a server', () => {
  let server: TestServer;
  let store: Store;
  let client: IsolationServiceClient;

  beforeEach(async () => {
    server = await TestServer.start();
    store = await Store.openSqlite(join(server.dataDir, 'cordon.db'));
    client = server.client(IsolationServiceClient);
    await addDevices(store, [
      { name: 'web-1', tags_json: '["site=a"]' },
      { name: 'web-2', tags_json: '["site=a"]', banned: 1 },
      { name: 'web-3' },
    ]);
  });

  afterEach(async () => {
    client.close();
    await store.close();
    await server.stop();
  });

  const isolate = async (request: Partial<IsolateDevicesRequest>): Promise<DeviceOrder[]> => {
    const whole = IsolateDevicesRequest.fromPartial({ reason: 'case 1', ...request });
    const response = await answer<{ orders: DeviceOrder[] }>((done) =>
      client.isolateDevices(whole, server.admin, done),
    );
    return response.orders;
  };
  const release = async (request: Partial<ReleaseDevicesRequest>): Promise<DeviceOrder[]> => {
    const whole = ReleaseDevicesRequest.fromPartial({ reason: 'closed', ...request });
    const response = await answer<{ orders: DeviceOrder[] }>((done) =>
      client.releaseDevices(whole, server.admin, done),
    );
    return response.orders;
  };
  const list = (request: Partial<ListIsolationsRequest> = {}): Promise<ListIsolationsResponse> =>
    answer((done) => client.listIsolations(ListIsolationsRequest.fromPartial(request), server.admin, done));
  const get = async (id: string): Promise<Isolation | undefined> => {
    const response = await answer<GetIsolationResponse>((done) =>
      client.getIsolation({ id }, server.admin, done),
    );
    return response.isolation;
  };
  const tagged = DeviceFilter.fromPartial({ tags: ['site=a'] });

  describe('ordered by filter', () => {
    it('are one order a device, by name, banned ones too', async () => {
      const orders = await isolate({ filter: tagged, expectedDevices: 2 });
      expect(orders.map(({ deviceName, generation }) => [deviceName, generation])).to.deep.equal([
        ['web-1', 2n],
        ['web-2', 2n],
      ]);
      expect((await list()).isolations.map(({ deviceName }) => deviceName)).to.have.members([
        'web-1',
        'web-2',
      ]);
      const released = await release({ filter: tagged, expectedDevices: 2 });
      expect(released.map(({ deviceName }) => deviceName)).to.deep.equal(['web-1', 'web-2']);
    });

    it('are shown and not made with validate_only', async () => {
      const orders = await isolate({ filter: tagged, validateOnly: true });
      expect(orders.map(({ deviceName, directiveId }) => [deviceName, directiveId])).to.deep.equal([
        ['web-1', ''],
        ['web-2', ''],
      ]);
      expect((await list()).isolations).to.have.length(0);
    });

    const refusals: [
      string,
      Partial<IsolateDevicesRequest>,
      Partial<{ code: status; reason: string }>,
      RegExp,
    ][] = [
      [
        'devices beside the filter',
        { filter: tagged, devices: ['web-1'] },
        { code: status.INVALID_ARGUMENT },
        /^filter: must not be given together with devices/,
      ],
      [
        'neither devices nor a filter',
        {},
        { code: status.INVALID_ARGUMENT },
        /^devices: must name at least one device/,
      ],
      [
        'a number of devices without a filter',
        { devices: ['web-1'], expectedDevices: 1 },
        { code: status.INVALID_ARGUMENT },
        /^expected_devices/,
      ],
      [
        'another number of devices than expected',
        { filter: tagged, expectedDevices: 3 },
        { code: status.ABORTED, reason: 'ETAG_MISMATCH' },
        /selects 2 devices now, and 3 were expected/,
      ],
      [
        'a filter that selects none',
        { filter: DeviceFilter.fromPartial({ namePattern: 'db-*' }) },
        { code: status.NOT_FOUND, reason: 'DEVICE_NOT_FOUND' },
        /selects no device; nothing was ordered/,
      ],
      [
        'a filter that is not in order',
        { filter: DeviceFilter.fromPartial({ tags: [''] }) },
        { code: status.INVALID_ARGUMENT },
        /^filter\.tags\[0\]/,
      ],
    ];
    for (const [what, request, expected, message] of refusals) {
      it(`are refused as a whole: ${what}`, async () => {
        const error = await refusal(isolate(request));
        expect(error).to.include(expected);
        expect(error.message).to.match(message);
        expect((await list()).isolations).to.have.length(0);
      });
    }
  });

  it('are one for a request that comes twice with the same id', async () => {
    const request = { devices: ['web-1'], requestId: newId() };
    const first = await isolate(request);
    expect(await isolate(request)).to.deep.equal(first);
    expect((await list()).isolations.map(({ id }) => id)).to.deep.equal([first[0]?.directiveId]);
    const device = await store.read
      .selectFrom('devices')
      .select('generation')
      .where('name', '=', 'web-1')
      .executeTakeFirstOrThrow();
    expect(device.generation).to.equal(2);
  });

  it("say how long they last: the order's own delay, else that of the task", async () => {
    const delay = { releaseDelay: toDuration(2 * HOUR_MS) };
    const [own] = await isolate({ devices: ['web-1'], ...delay });
    const [never] = await isolate({ devices: ['web-2'], releaseDelay: toDuration(0) });
    const [task] = await isolate({ devices: ['web-3'] });
    const delayOf = async (order: DeviceOrder | undefined): Promise<number> => {
      const isolation = await get(order?.directiveId ?? '');
      return fromDuration(isolation?.releaseDelay ?? toDuration(-1));
    };
    expect(await delayOf(own)).to.equal(2 * HOUR_MS);
    expect(await delayOf(never)).to.equal(0);
    expect(await delayOf(task)).to.equal(8 * HOUR_MS);
  });

  it('say when they end by themselves, until they have ended', async () => {
    const [order] = await isolate({ devices: ['web-1'] });
    const id = order?.directiveId ?? '';
    const set = (columns: { until_at?: number; ended_at?: number }): Promise<unknown> =>
      store.write((tx) => tx.updateTable('isolations').set(columns).where('id', '=', id).execute());
    expect((await get(id))?.until).to.equal(undefined);
    await set({ until_at: 5_000 });
    expect((await get(id))?.until).to.deep.equal({ seconds: 5n, nanos: 0 });
    await set({ ended_at: 4_000 });
    expect((await get(id))?.until).to.equal(undefined);
  });

  it('show the settings of their mode alone', async () => {
    const settings = (name: string, hours: number): IsolationSettings =>
      IsolationSettings.fromPartial({ exclusions: [{ name }], releaseDelay: toDuration(hours * HOUR_MS) });
    await store.write(async (tx) => {
      const hash = await keepSettings(tx, {
        ...defaultDeviceSettings,
        manualSettings: settings('of the task', 1),
        automaticSettings: settings('of the policy', 2),
      });
      const base = {
        device_id: 'gone',
        reason: 'r',
        issued_at: 1,
        end_cause: 0,
        released_by: '',
        release_reason: '',
      };
      for (const mode of [IsolationMode.ISOLATION_MODE_MANUAL, IsolationMode.ISOLATION_MODE_AUTOMATIC]) {
        const row = { ...base, id: `mode-${mode}`, mode, requested_by: 'x', settings_hash: hash };
        await tx.insertInto('isolations').values(row).execute();
      }
    });
    const shown = async (id: string): Promise<[string | undefined, number]> => {
      const isolation = await get(id);
      return [
        isolation?.exclusions[0]?.name,
        fromDuration(isolation?.releaseDelay ?? toDuration(-1)) / HOUR_MS,
      ];
    };
    expect(await shown('mode-1')).to.deep.equal(['of the task', 1]);
    expect(await shown('mode-2')).to.deep.equal(['of the policy', 2]);
  });

  it('of a removed device stay, are found by its id and say how they ended', async () => {
    const [order] = await isolate({ devices: ['web-1'] });
    const devices = server.client(DeviceServiceClient);
    const request = { device: 'web-1', reason: 'retired', force: true, requestId: '' };
    await answer((done) => devices.removeDevice(request, server.admin, done));
    devices.close();
    const { isolations } = await list({ device: order?.deviceId ?? '' });
    expect(isolations).to.have.length(1);
    expect(isolations[0]).to.deep.include({
      id: order?.directiveId,
      deviceId: order?.deviceId,
      deviceName: '',
      endCause: IsolationEndCause.ISOLATION_END_CAUSE_DEVICE_REMOVED,
    });
    expect(await refusal(list({ device: 'web-1' }))).to.include({ code: status.NOT_FOUND });
  });

  it('that are not there are NOT_FOUND', async () => {
    expect(await refusal(get(newId()))).to.include({ code: status.NOT_FOUND, reason: 'NOT_FOUND' });
    expect((await refusal(get(''))).violations[0]?.field).to.equal('id');
  });

  it('with thousands of exclusions each come in pages that a client takes, and none is missing', async () => {
    const exclusions = Array.from({ length: 9_000 }, (_, index) =>
      Exclusion.fromPartial({ name: `rule ${index}`, description: 'x'.repeat(150) }),
    );
    await store.write(async (tx) => {
      const manualSettings = IsolationSettings.fromPartial({ exclusions });
      const hash = await keepSettings(tx, { ...defaultDeviceSettings, manualSettings });
      await tx.updateTable('devices').set({ settings_hash: hash }).execute();
    });
    const orders = await isolate({ filter: DeviceFilter.fromPartial({}) });
    const seen: string[] = [];
    for (let pageToken = ''; ;) {
      const page = await list({ pageToken });
      seen.push(...page.isolations.map(({ id }) => id));
      pageToken = page.nextPageToken;
      if (pageToken === '') break;
    }
    expect(seen).to.have.members(orders.map(({ directiveId }) => directiveId));
    expect(seen).to.have.length(3);
  });
});
