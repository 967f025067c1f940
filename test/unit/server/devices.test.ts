import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import { expect } from 'chai';
import { Store } from '../../../server/store/store.js';
import { Device, DeviceFilter } from '../../../shared/gen/cordon/v1/device.js';
import {
  DeviceServiceClient,
  ListDevicesRequest,
  UpdateDeviceRequest,
  type ListDevicesResponse,
  type UpdateDeviceResponse,
} from '../../../shared/gen/cordon/v1/device_service.js';
import { ObservedIsolation } from '../../../shared/gen/cordon/v1/isolation.js';
import { newId } from '../../../shared/ids.js';
import { addDevices } from './device-rows.js';
import { TestServer, answer, refusal } from './harness.js';

describe('the devices of a server', () => {
  let server: TestServer;
  let store: Store;
  let client: DeviceServiceClient;

  beforeEach(async () => {
    server = await TestServer.start();
    store = await Store.openSqlite(join(server.dataDir, 'cordon.db'));
    client = server.client(DeviceServiceClient);
    await store.write((tx) =>
      tx
        .insertInto('groups')
        .values([
          { id: newId(), name: 'OT', parent_id: '' },
          { id: 'g-line', name: 'line 1', parent_id: '' },
        ])
        .execute(),
    );
    await addDevices(store, [
      { name: 'web-1', tags_json: '["site=a"]', group_id: 'g-line' },
      { name: 'web-2', tags_json: '["site=a"]' },
      { name: 'web-3', tags_json: '["site=b"]' },
      { name: 'web-4', tags_json: '["site=a"]' },
    ]);
  });

  afterEach(async () => {
    client.close();
    await store.close();
    await server.stop();
  });

  const list = (request: Partial<ListDevicesRequest>): Promise<ListDevicesResponse> =>
    answer((done) => client.listDevices(ListDevicesRequest.fromPartial(request), server.admin, done));

  const update = async (device: Partial<Device>, updateMask: string[], requestId = ''): Promise<Device> => {
    const request = UpdateDeviceRequest.fromPartial({ device, updateMask, requestId });
    const response = await answer<UpdateDeviceResponse>((done) =>
      client.updateDevice(request, server.admin, done),
    );
    return response.device ?? Device.fromPartial({});
  };

  describe('listed with a filter', () => {
    const filter = DeviceFilter.fromPartial({ tags: ['site=a'] });

    it('come in pages that hold what fits alone, until none is left', async () => {
      const first = await list({ filter, pageSize: 2 });
      expect(first.devices.map(({ name }) => name)).to.deep.equal(['web-1', 'web-2']);
      const second = await list({ filter, pageSize: 2, pageToken: first.nextPageToken });
      expect(second.devices.map(({ name }) => name)).to.deep.equal(['web-4']);
      expect(second.nextPageToken).to.equal('');
    });

    it('end a page early where their reports are large, so that a client can take it', async () => {
      const unsupportedExclusions = Array.from({ length: 1000 }, (_, index) => ({
        name: `${index}`.padEnd(128, 'x'),
        detail: 'y'.repeat(800),
      }));
      const observed_proto = ObservedIsolation.encode(
        ObservedIsolation.fromPartial({ unsupportedExclusions }),
      ).finish();
      const large = Array.from({ length: 8 }, (_, index) => ({ name: `z-${index}`, observed_proto }));
      await addDevices(store, large);
      const names: string[] = [];
      let pageToken = '';
      do {
        const page = await list({ pageToken });
        names.push(...page.devices.map(({ name }) => name));
        pageToken = page.nextPageToken;
      } while (pageToken !== '');
      expect(names).to.deep.equal(['web-1', 'web-2', 'web-3', 'web-4', ...large.map(({ name }) => name)]);
    });

    it('that selects none are an empty page', async () => {
      const none = DeviceFilter.fromPartial({ namePattern: 'db-*' });
      expect(await list({ filter: none })).to.deep.equal({ devices: [], nextPageToken: '' });
    });

    it('show the path of their group', async () => {
      const { devices } = await list({});
      expect(devices.map(({ groupPath }) => groupPath)).to.deep.equal(['line 1', '', '', '']);
    });
  });

  describe('updated', () => {
    it('change what the mask names and nothing else, with an audit record and a new etag', async () => {
      const [before] = (await list({})).devices;
      const after = await update({ id: 'web-1', name: 'web-9', tags: ['critical', 'a=b'] }, ['tags']);
      expect(after).to.deep.include({ name: 'web-1', tags: ['critical', 'a=b'], groupPath: 'line 1' });
      expect(after.etag).to.not.equal(before?.etag);
      const audit = await store.read
        .selectFrom('audit')
        .select(['actor', 'device_id', 'details_json'])
        .where('action', '=', 'device.update')
        .executeTakeFirstOrThrow();
      expect(audit).to.include({ actor: 'admin', device_id: after.id });
      expect(JSON.parse(audit.details_json)).to.deep.equal({
        name: 'web-1',
        tags: ['critical', 'a=b'],
        tags_before: ['site=a'],
      });
    });

    it('are found by their new name and by their id, not by the old name', async () => {
      const renamed = await update({ id: 'web-1', name: 'Press-1' }, ['name']);
      expect(renamed.name).to.equal('Press-1');
      const get = (device: string): Promise<unknown> =>
        answer((done) => client.getDevice({ device }, server.admin, done));
      await get('Press-1');
      await get(renamed.id);
      expect(await refusal(get('web-1'))).to.include({ code: status.NOT_FOUND });
    });

    it('keep the name that they are given anew', async () => {
      expect((await update({ id: 'web-1', name: 'web-1' }, ['name'])).name).to.equal('web-1');
    });

    it('are changed once by a repeated request', async () => {
      const requestId = newId();
      const first = await update({ id: 'web-1', tags: ['x'] }, ['tags'], requestId);
      await update({ id: 'web-1', tags: ['y'] }, ['tags']);
      expect(await update({ id: 'web-1', tags: ['x'] }, ['tags'], requestId)).to.deep.equal(first);
      expect((await list({})).devices[0]?.tags).to.deep.equal(['y']);
    });

    const refusals: [string, Partial<Device>, string[], status, string][] = [
      ['no device', { id: '' }, ['tags'], status.INVALID_ARGUMENT, 'device.id'],
      ['an unknown device', { id: 'web-9' }, ['tags'], status.NOT_FOUND, 'device'],
      ['no mask', { id: 'web-1' }, [], status.INVALID_ARGUMENT, 'update_mask'],
      [
        'a field that is not to be changed',
        { id: 'web-1' },
        ['banned'],
        status.INVALID_ARGUMENT,
        'update_mask.paths[0]',
      ],
      ['an empty name', { id: 'web-1', name: '' }, ['name'], status.INVALID_ARGUMENT, 'device.name'],
      [
        'a name with white space',
        { id: 'web-1', name: 'web 1' },
        ['name'],
        status.INVALID_ARGUMENT,
        'device.name',
      ],
      [
        'a name that is an id',
        { id: 'web-1', name: newId() },
        ['name'],
        status.INVALID_ARGUMENT,
        'device.name',
      ],
      [
        'a repeated tag',
        { id: 'web-1', tags: ['a', 'a'] },
        ['tags'],
        status.INVALID_ARGUMENT,
        'device.tags[1]',
      ],
    ];
    for (const [what, device, mask, code, field] of refusals) {
      it(`are left alone and the field is named for ${what}`, async () => {
        const error = await refusal(update(device, mask));
        expect(error.code).to.equal(code);
        expect(error.violations.map((violation) => violation.field)).to.deep.equal([field]);
        expect((await list({})).devices[0]).to.deep.include({ name: 'web-1', tags: ['site=a'] });
      });
    }

    it('are refused the name of another device', async () => {
      const error = await refusal(update({ id: 'web-1', name: 'web-2' }, ['name']));
      expect(error).to.include({ code: status.ALREADY_EXISTS, reason: 'ALREADY_EXISTS' });
    });

    it('are refused when somebody else changed them first', async () => {
      const [seen] = (await list({})).devices;
      await update({ id: 'web-1', tags: ['x'] }, ['tags']);
      const error = await refusal(update({ id: 'web-1', etag: seen?.etag ?? '', tags: ['y'] }, ['tags']));
      expect(error).to.include({ code: status.ABORTED, reason: 'ETAG_MISMATCH' });
    });
  });
});
