import { expect } from 'chai';
import { makeCsr, newPrivateKey } from '../../../agent/identity/keys.js';
import {
  CreateEnrollmentTokenRequest,
  DeviceServiceService,
  RemoveDeviceRequest,
} from '../../../shared/gen/cordon/v1/device_service.js';
import { EnrollmentServiceService } from '../../../shared/gen/cordon/v1/enrollment_service.js';
import { GroupServiceService } from '../../../shared/gen/cordon/v1/group_service.js';
import { PolicyServiceService } from '../../../shared/gen/cordon/v1/policy_service.js';
import {
  ListNetworkIsolationTasksRequest,
  TaskServiceService,
} from '../../../shared/gen/cordon/v1/task_service.js';
import { newId } from '../../../shared/ids.js';
import { Administrator } from '../../fault/administrator.js';
import { Operator } from '../../fault/operator.js';
import type { ManagementClient } from '../../fault/real-server.js';
import { ServerInProcess } from '../../fault/server-in-process.js';
import { refusal } from './harness.js';

describe('enrolment into groups', () => {
  let server: ServerInProcess;
  let client: ManagementClient;
  let administrator: Administrator;

  beforeEach(async () => {
    server = await ServerInProcess.open();
    client = server.connect();
    administrator = new Administrator(client);
  });

  afterEach(async () => {
    client.close();
    await server.close();
  });

  const token = async (groupId: string): Promise<string> => {
    const request = CreateEnrollmentTokenRequest.fromPartial({ groupId });
    return (await client.call(DeviceServiceService.createEnrollmentToken, request)).secret;
  };

  /** Returns the id of the device. */
  const enrol = async (secret: string): Promise<string> => {
    const id = newId();
    const csr = await makeCsr(id, newPrivateKey());
    await client.call(EnrollmentServiceService.enroll, { token: secret, csr, hostname: 'web-1' });
    return id;
  };

  it('puts a device into the group of its token, with the policy of that place from its first moment', async () => {
    const group = await administrator.createGroup('OT');
    await administrator.createPolicy({ displayName: 'Plant', groupId: 'OT', automaticIsolation: true });
    const id = await enrol(await token('OT'));
    const device = await new Operator(client, id).show();
    expect(device.groupId).to.equal(group);
    expect(device.generation).to.equal(1n);
    const effective = await client.call(PolicyServiceService.getEffectivePolicy, { device: id });
    expect(effective.policy?.displayName).to.equal('Plant');
    expect(server.storeContents()).to.match(/"settings_hash": "[0-9a-f]{64}"/);
  });

  it('refuses a token for a group that is not there, and a group to go while a token for it works', async () => {
    expect(await refusal(token('OT'))).to.include({ reason: 'NOT_FOUND' });
    await administrator.createGroup('OT');
    await token('OT');
    const remove = client.call(GroupServiceService.deleteGroup, { id: 'OT', etag: '', requestId: '' });
    expect((await refusal(remove)).message).to.contain('1 usable enrolment token');
  });

  it('leaves no task behind when the device that it was for is removed', async () => {
    const id = await enrol(await token('root'));
    await administrator.createTask({ $case: 'deviceId', value: id }, {});
    const request = RemoveDeviceRequest.fromPartial({ device: id, reason: 'retired' });
    await client.call(DeviceServiceService.removeDevice, request);
    const all = ListNetworkIsolationTasksRequest.fromPartial({});
    const list = await client.call(TaskServiceService.listNetworkIsolationTasks, all);
    expect(list.networkIsolationTasks).to.deep.equal([]);
  });
});
