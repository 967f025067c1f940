import { expect } from 'chai';
import { Group } from '../../../shared/gen/cordon/v1/group.js';
import { GroupServiceService } from '../../../shared/gen/cordon/v1/group_service.js';
import { Role } from '../../../shared/gen/cordon/v1/operator_service.js';
import { newId } from '../../../shared/ids.js';
import { placeProblem } from '../../../server/groups/rules.js';
import { GroupTree } from '../../../server/groups/tree.js';
import { Desk, refused } from '../../story/desk.js';
import { LinkSite } from '../../story/server-link-site.js';

describe('groups', () => {
  let site: LinkSite;
  let desk: Desk;

  beforeEach(async () => {
    site = await LinkSite.open();
    desk = new Desk(site);
  });

  afterEach(() => site.close());

  const create = (displayName: string, parentId = '') =>
    desk.call(GroupServiceService.createGroup, {
      group: Group.fromPartial({ displayName, parentId }),
      requestId: '',
    });
  const update = (id: string, updateMask: string[], wanted: Partial<Group>) =>
    desk.call(GroupServiceService.updateGroup, {
      group: { ...Group.fromPartial({}), ...wanted, id },
      updateMask,
      requestId: '',
    });
  const get = async (id: string) => (await desk.call(GroupServiceService.getGroup, { id })).group;
  const remove = (id: string, etag = '') =>
    desk.call(GroupServiceService.deleteGroup, { id, etag, requestId: '' });

  it('are found by id, by path and, for the root group, by its name', async () => {
    const id = await desk.group('OT/line 1');
    const line = await get('OT/line 1');
    expect(line).to.include({ id, path: 'OT/line 1', displayName: 'line 1' });
    expect(await get(id)).to.deep.equal(line);
    expect(await get('root')).to.include({ id: 'root', path: '', parentId: '', displayName: 'root' });
    expect(await refused(get('OT/line 2'))).to.include({ reason: 'NOT_FOUND' });
    expect(await refused(get(''))).to.include({ reason: 'INVALID_FIELD', field: 'id' });
  });

  it('are listed by path, page by page, the root group first and each before what is below it', async () => {
    for (const path of ['OT/line 1', 'OT-2', 'IT', 'OT/line 2']) await desk.group(path);
    const paths: string[] = [];
    let pageToken = '';
    do {
      const page = await desk.call(GroupServiceService.listGroups, { pageSize: 2, pageToken });
      paths.push(...page.groups.map(({ path }) => path));
      pageToken = page.nextPageToken;
    } while (pageToken !== '');
    expect(paths).to.deep.equal(['', 'IT', 'OT', 'OT/line 1', 'OT/line 2', 'OT-2']);
  });

  it('refuse names that a path cannot hold, and one that a sibling has', async () => {
    for (const name of ['', 'a/b', ' a', 'a\n', 'x'.repeat(129), 'root']) {
      expect(await refused(create(name)), name).to.include({ field: 'group.display_name' });
    }
    await create('OT');
    expect(await refused(create('OT'))).to.include({ reason: 'ALREADY_EXISTS' });
    await create('OT', 'OT');
    expect(await get('OT/OT')).to.include({ path: 'OT/OT' });
  });

  it('are at most 16 levels deep, wherever the tree grows or moves', async () => {
    const names = Array.from({ length: 16 }, (_, level) => `level ${level + 1}`);
    const deepest = await desk.group(names.join('/'));
    expect(await refused(create('too deep', deepest))).to.include({ field: 'group.parent_id' });
    await desk.group('side/branch');
    const fifteenth = names.slice(0, 15).join('/');
    expect(await refused(update('side', ['parent_id'], { parentId: fifteenth }))).to.include({
      field: 'group.parent_id',
    });
    await update('side/branch', ['parent_id'], { parentId: fifteenth });
  });

  it('are at most 10,000', () => {
    const group = (index: number) => ({ id: `${index}`, name: `${index}`, parent_id: '', version: 1 });
    const groups = (count: number) =>
      new GroupTree(Array.from({ length: count }, (_, index) => group(index)));
    expect(placeProblem(groups(9_999), undefined, '')).to.equal(undefined);
    expect(placeProblem(groups(10_000), undefined, '')).to.contain('limit');
    expect(placeProblem(groups(10_000), '7', '8')).to.equal(undefined);
  });

  it('never form a circle', async () => {
    await desk.group('OT/line 1/cell');
    for (const parentId of ['OT', 'OT/line 1', 'OT/line 1/cell']) {
      const refusal = await refused(update('OT', ['parent_id'], { parentId }));
      expect(refusal.message, parentId).to.contain('circle');
    }
    expect((await get('OT'))?.parentId).to.equal('root');
  });

  it('change only what the mask names, and only while they are as the client has seen them', async () => {
    await desk.group('OT/line 1');
    const before = await get('OT/line 1');
    if (!before) throw new Error('no group');
    const after = await update(before.id, ['display_name'], { displayName: 'line 2', etag: before.etag });
    expect(after.group).to.include({ path: 'OT/line 2', parentId: before.parentId });
    const stale = await refused(update(before.id, ['display_name'], { displayName: 'x', etag: before.etag }));
    expect(stale.reason).to.equal('ETAG_MISMATCH');
    expect(await refused(update(before.id, ['path'], {}))).to.include({ field: 'update_mask.paths[0]' });
    expect(await refused(update(before.id, [], {}))).to.include({ field: 'update_mask' });
    expect(await refused(remove(before.id, before.etag))).to.include({ reason: 'ETAG_MISMATCH' });
  });

  it('can be removed once they hold nothing, and the refusal says what they hold', async () => {
    await desk.group('OT/line 1');
    expect((await refused(remove('OT'))).message).to.contain('1 group');
    await site.device('web-1');
    await desk.move('web-1', 'OT/line 1');
    await desk.policy('OT/line 1', { displayName: 'strict' });
    const task = await desk.task({ $case: 'groupId', value: 'OT/line 1' });
    const refusal = await refused(remove('OT/line 1'));
    expect(refusal.reason).to.equal('IN_USE');
    expect(refusal.message).to.contain('1 device, the policy "strict", a network-isolation task');
    await desk.move('web-1', 'root');
    await desk.removePolicy('strict');
    await desk.removeTask(task.id);
    await remove('OT/line 1');
    expect(await refused(get('OT/line 1'))).to.include({ reason: 'NOT_FOUND' });
    for (const change of [remove('root'), update('root', ['display_name'], { displayName: 'x' })]) {
      expect(await refused(change)).to.include({ reason: 'IN_USE' });
    }
  });

  it('are changed by administrators alone, each change with its audit record', async () => {
    const request = { group: Group.fromPartial({ displayName: 'OT' }), requestId: '' };
    const operator = desk.call(GroupServiceService.createGroup, request, Role.ROLE_OPERATOR);
    expect(await refused(operator)).to.include({ reason: 'ROLE_TOO_LOW' });
    const device = await site.device('web-1');
    await desk.group('OT');
    await desk.move('web-1', 'OT');
    await update('OT', ['display_name'], { displayName: 'plant' });
    const rows = await site.store.read.selectFrom('audit').selectAll().orderBy('sequence').execute();
    expect(rows.map(({ action }) => action)).to.deep.equal(['group.create', 'device.move', 'group.update']);
    expect(rows[1]?.device_id).to.equal(device);
    expect(JSON.parse(rows[1]?.details_json ?? '')).to.deep.include({ old_group: '', group: 'OT' });
    expect(JSON.parse(rows[2]?.details_json ?? '')).to.deep.include({ old_path: 'OT', path: 'plant' });
  });

  it('answer a repeated request with the first answer', async () => {
    const request = { group: Group.fromPartial({ displayName: 'OT' }), requestId: newId() };
    const first = await desk.call(GroupServiceService.createGroup, request);
    expect(await desk.call(GroupServiceService.createGroup, request)).to.deep.equal(first);
  });
});
