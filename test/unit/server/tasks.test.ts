import { expect } from 'chai';
import { defaultSettings } from '../../../server/desired/settings.js';
import { Exclusion } from '../../../shared/gen/cordon/v1/exclusion.js';
import { Role } from '../../../shared/gen/cordon/v1/operator_service.js';
import { TaskServiceService } from '../../../shared/gen/cordon/v1/task_service.js';
import { toDuration } from '../../../shared/time.js';
import { Desk, refused } from '../../story/desk.js';
import { LinkSite } from '../../story/server-link-site.js';

const rule = (name: string): Exclusion => Exclusion.fromPartial({ name });

describe('network-isolation tasks', () => {
  let site: LinkSite;
  let desk: Desk;

  beforeEach(async () => {
    site = await LinkSite.open();
    desk = new Desk(site);
    await site.device('web-1');
  });

  afterEach(() => site.close());

  const effective = (device: string) =>
    desk.call(TaskServiceService.getEffectiveNetworkIsolationTask, { device });

  it('are one a device and one a group, and show the name of what they are for', async () => {
    await desk.group('OT/line 1');
    const own = await desk.task({ $case: 'deviceId', value: 'web-1' });
    expect(own).to.include({ scopeName: 'web-1', etag: '1' });
    const again = await refused(desk.task({ $case: 'deviceId', value: 'web-1' }));
    expect(again.reason).to.equal('ALREADY_EXISTS');
    expect(again.message).to.contain('device web-1').and.contain(own.id);
    const line = await desk.task({ $case: 'groupId', value: 'OT/line 1' });
    expect(line.scopeName).to.equal('OT/line 1');
    const read = await desk.call(TaskServiceService.getNetworkIsolationTask, { id: line.id });
    expect(read.networkIsolationTask).to.deep.equal(line);
    const missing = await refused(desk.task({ $case: 'deviceId', value: 'web-9' }));
    expect(missing.reason).to.equal('DEVICE_NOT_FOUND');
  });

  it('apply from the device itself, else from the nearest group, and say so in a sentence', async () => {
    await desk.group('OT');
    await desk.move('web-1', 'OT');
    expect(await effective('web-1')).to.deep.equal({
      networkIsolationTask: undefined,
      settings: defaultSettings(),
      explanation:
        'web-1 has no network-isolation task of its own; it is in group OT; group OT has no network-isolation task; the ' +
        'root group has no network-isolation task; no network-isolation task applies, and manual isolation has the ' +
        'default settings',
    });
    const root = await desk.task({ $case: 'groupId', value: 'root' }, { exclusions: [rule('of root')] });
    expect((await effective('web-1')).networkIsolationTask?.id).to.equal(root.id);
    const own = await desk.task({ $case: 'deviceId', value: 'web-1' }, { exclusions: [rule('own')] });
    const answer = await effective('web-1');
    expect(answer.networkIsolationTask?.id).to.equal(own.id);
    expect(answer.explanation).to.equal('web-1 has a network-isolation task of its own');
    await desk.removeTask(own.id);
    expect((await effective('web-1')).settings?.exclusions.map(({ name }) => name)).to.deep.equal([
      'of root',
    ]);
  });

  it('are made and edited by operators, refused with field paths, and leave audit records', async () => {
    const request = {
      networkIsolationTask: undefined,
      requestId: '',
      validateOnly: false,
      allowUnresolvedHosts: false,
    };
    const viewer = desk.call(TaskServiceService.createNetworkIsolationTask, request, Role.ROLE_VIEWER);
    expect(await refused(viewer)).to.include({ reason: 'ROLE_TOO_LOW' });
    const empty = desk.call(TaskServiceService.createNetworkIsolationTask, request, Role.ROLE_OPERATOR);
    expect(await refused(empty)).to.include({ field: 'network_isolation_task' });

    const task = await desk.task({ $case: 'deviceId', value: 'web-1' });
    const wrong = desk.editTask(task.id, ['settings.release_delay'], { releaseDelay: toDuration(1) });
    expect(await refused(wrong)).to.include({ field: 'network_isolation_task.settings.release_delay' });
    await desk.editTask(task.id, ['settings.release_delay'], { releaseDelay: toDuration(0) });
    await desk.removeTask(task.id);
    const { id } = await site.store.read.selectFrom('devices').select('id').executeTakeFirstOrThrow();
    expect(await site.audited(id)).to.deep.equal([
      'network_isolation_task.create',
      'network_isolation_task.update',
      'network_isolation_task.delete',
    ]);
  });

  it('are listed by the name of what they are for, page by page', async () => {
    await desk.group('a group');
    await site.device('b-1');
    for (const value of ['web-1', 'b-1']) await desk.task({ $case: 'deviceId', value });
    await desk.task({ $case: 'groupId', value: 'a group' });
    const names: string[] = [];
    let pageToken = '';
    do {
      const request = { pageSize: 1, pageToken };
      const page = await desk.call(TaskServiceService.listNetworkIsolationTasks, request);
      names.push(...page.networkIsolationTasks.map(({ scopeName }) => scopeName));
      pageToken = page.nextPageToken;
    } while (pageToken !== '');
    expect(names).to.deep.equal(['a group', 'b-1', 'web-1']);
  });
});
