import { expect } from 'chai';
import type { IsolationFilter } from '../../../shared/gen/cordon/v1/device.js';
import { ConnectionState, DeviceFilter } from '../../../shared/gen/cordon/v1/device.js';
import { GroupServiceService } from '../../../shared/gen/cordon/v1/group_service.js';
import { IocScanSettings, ScanArea } from '../../../shared/gen/cordon/v1/ioc.js';
import { Role } from '../../../shared/gen/cordon/v1/operator_service.js';
import { DetectionResponse, IocScanTask, type TaskScope } from '../../../shared/gen/cordon/v1/task.js';
import { TaskServiceService } from '../../../shared/gen/cordon/v1/task_service.js';
import { toDuration, toTimestamp } from '../../../shared/time.js';
import { refused } from '../../story/desk.js';
import { DAY, HOUR, ScanDesk } from '../../story/scan-desk.js';
import { LinkSite } from '../../story/server-link-site.js';

const web: TaskScope = { target: { $case: 'deviceId', value: 'web-1' } };
const filterScope = (given: Partial<DeviceFilter>): TaskScope => ({
  target: { $case: 'filter', value: { ...DeviceFilter.fromPartial({}), ...given } },
});
const settings = (given: Partial<IocScanSettings>): { settings: IocScanSettings } => ({
  settings: { ...IocScanSettings.fromPartial({}), ...given },
});
const response = (given: Partial<DetectionResponse>): { response: DetectionResponse } => ({
  response: { ...DetectionResponse.fromPartial({}), ...given },
});

describe('IOC scan tasks', () => {
  let site: LinkSite;
  let desk: ScanDesk;
  let document: Buffer;

  before(async () => {
    site = await LinkSite.open();
    desk = new ScanDesk(site);
    await site.device('web-1');
    document = await desk.document('one');
  });

  after(() => site.close());

  afterEach(async () => {
    await site.store.write(async (tx) => {
      for (const table of ['ioc_scan_tasks', 'ioc_scan_plans', 'commands'] as const) {
        await tx.deleteFrom(table).execute();
      }
    });
  });

  const wanted = (given: Partial<IocScanTask> = {}): IocScanTask => ({
    ...IocScanTask.fromPartial({}),
    displayName: 'nightly',
    scope: web,
    documentHashes: [document],
    ...given,
  });

  it('are stored as they were asked for, and found by id and by name', async () => {
    const asked = wanted({
      schedule: '0  3 * * 1-5',
      timeZone: 'Europe/Berlin',
      randomSpread: toDuration(HOUR),
      timeLimit: toDuration(2 * HOUR),
      skipMissed: true,
      ...response({ takeResponseActions: true, isolateComputer: true }),
      ...settings({
        area: ScanArea.SCAN_AREA_FOLDERS,
        folders: ['/srv', 'D:\\Data', '\\\\nas\\share'],
        excludedPaths: ['/srv/**/cache', '?:\\Temp'],
        cpuPercent: 20,
        maxBytesPerSecond: 65_536n,
        maxFileBytes: 1n << 40n,
        disabledItemTypes: ['RegistryItem'],
      }),
    });
    const { iocScanTask: made, hints } = await desk.createScan(asked);
    expect(hints).to.deep.equal([]);
    const device = await site.store.read.selectFrom('devices').select('id').executeTakeFirstOrThrow();
    expect(made).to.deep.include({
      ...asked,
      id: made?.id ?? '',
      schedule: '0 3 * * 1-5',
      scope: { target: { $case: 'deviceId', value: device.id } },
      scopeName: 'web-1',
      etag: '1',
      status: made?.status,
    });
    expect(await desk.readScan('nightly')).to.deep.equal(made);
    expect(await desk.readScan(made?.id ?? '')).to.deep.equal(made);
    expect(await site.audited(device.id)).to.include('ioc_scan_task.create');
  });

  it('are checked without being made, and made by operators alone', async () => {
    expect((await desk.createScan(wanted(), true)).iocScanTask?.displayName).to.equal('nightly');
    expect((await refused(desk.readScan('nightly'))).reason).to.equal('NOT_FOUND');
    const request = { iocScanTask: wanted(), requestId: '', validateOnly: false };
    const viewer = desk.call(TaskServiceService.createIocScanTask, request, Role.ROLE_VIEWER);
    expect((await refused(viewer)).reason).to.equal('ROLE_TOO_LOW');
  });

  const paths = (count: number): string[] => Array.from({ length: count }, (_, at) => `/srv/${at}`);
  const wrong: [field: string, () => Partial<IocScanTask>, RegExp][] = [
    ['display_name', () => ({ displayName: '' }), /1 to 128/],
    ['display_name', () => ({ displayName: 'x'.repeat(129) }), /1 to 128/],
    ['display_name', () => ({ displayName: ' x' }), /space/],
    ['display_name', () => ({ displayName: '019ac000-0000-7000-8000-000000000000' }), /look like an id/],
    ['scope', () => ({ scope: undefined }), /must name/],
    ['scope.filter.tags[0]', () => ({ scope: filterScope({ tags: ['no space'] }) }), /tag|letters|must/],
    ['scope.filter.os', () => ({ scope: filterScope({ os: 'x'.repeat(300) }) }), /at most 253/],
    [
      'scope.filter.isolation',
      () => ({ scope: filterScope({ isolation: 77 as IsolationFilter }) }),
      /upgrade/,
    ],
    ['document_hashes', () => ({ documentHashes: [] }), /1 to 1000/],
    ['document_hashes', () => ({ documentHashes: Array<Buffer>(1001).fill(document) }), /1 to 1000/],
    ['document_hashes[1]', () => ({ documentHashes: [document, Buffer.alloc(31)] }), /32 bytes/],
    ['schedule', () => ({ schedule: '* * * * *' }), /once an hour/],
    ['schedule', () => ({ schedule: 'nightly' }), /five fields/],
    ['start_at', () => ({ startAt: toTimestamp(1) }), /in the future/],
    ['start_at', () => ({ startAt: { seconds: 1n << 60n, nanos: 0 } }), /in the future/],
    [
      'start_at',
      () => ({ schedule: '0 3 * * *', startAt: toTimestamp(9e12) }),
      /absent where there is a schedule/,
    ],
    ['time_zone', () => ({ timeZone: 'Mars/Olympus' }), /IANA/],
    ['random_spread', () => ({ randomSpread: toDuration(DAY + 1) }), /0s to 1d/],
    ['random_spread', () => ({ randomSpread: toDuration(-1) }), /0s to 1d/],
    ['time_limit', () => ({ timeLimit: toDuration(59_999) }), /1m to 7d/],
    ['time_limit', () => ({ timeLimit: toDuration(7 * DAY + 1) }), /1m to 7d/],
    ['response.isolate_computer', () => response({ isolateComputer: true }), /take_response_actions/],
    ['response.quarantine_file', () => response({ quarantineFile: true }), /take_response_actions/],
    ['response.kill_process', () => response({ killProcess: true }), /take_response_actions/],
    ['settings.area', () => settings({ area: 9 as ScanArea }), /upgrade/],
    ['settings.folders', () => settings({ area: ScanArea.SCAN_AREA_FOLDERS }), /at least one/],
    ['settings.folders', () => settings({ folders: paths(1001) }), /at most 1000/],
    ['settings.folders[1]', () => settings({ folders: ['/srv', 'srv'] }), /absolute/],
    ['settings.folders[0]', () => settings({ folders: ['C:'] }), /absolute/],
    ['settings.folders[0]', () => settings({ folders: ['/a\0b'] }), /NUL/],
    ['settings.folders[0]', () => settings({ folders: [''] }), /1 to 4096/],
    ['settings.folders[0]', () => settings({ folders: [`/${'x'.repeat(4096)}`] }), /1 to 4096/],
    ['settings.excluded_paths', () => settings({ excludedPaths: paths(1001) }), /at most 1000/],
    ['settings.excluded_paths[0]', () => settings({ excludedPaths: ['*.tmp'] }), /absolute/],
    ['settings.max_file_bytes', () => settings({ maxFileBytes: (1n << 40n) + 1n }), /1 TiB/],
    ['settings.cpu_percent', () => settings({ cpuPercent: 101 }), /1 to 100/],
    ['settings.max_bytes_per_second', () => settings({ maxBytesPerSecond: 65_535n }), /65536/],
    ['settings.disabled_item_types[0]', () => settings({ disabledItemTypes: ['Registry'] }), /RegistryItem/],
    [
      'settings.disabled_item_types',
      () => settings({ disabledItemTypes: Array<string>(33).fill('FileItem') }),
      /32/,
    ],
  ];
  for (const [field, given, message] of wrong) {
    it(`are refused with a wrong ${field}: ${message.source}`, async () => {
      const answer = await refused(desk.createScan(wanted(given())));
      expect(answer).to.include({ reason: 'INVALID_FIELD', field: `ioc_scan_task.${field}` });
      expect(answer.message).to.match(message);
    });
  }

  it('are refused where they would not fit into a message', async () => {
    const folders = Array.from({ length: 200 }, (_, at) => `/${at}/${'x'.repeat(4000)}`);
    expect(await refused(desk.createScan(wanted(settings({ folders }))))).to.include({
      field: 'ioc_scan_task',
    });
    const fewer = wanted(settings({ folders: folders.slice(0, 100) }));
    expect((await desk.createScan(fewer)).iocScanTask?.settings?.folders).to.have.length(100);
  });

  it('name documents, devices and groups that are there, and not more than 10 MiB of documents', async () => {
    const unknown = await refused(desk.createScan(wanted({ documentHashes: [document, Buffer.alloc(32)] })));
    expect(unknown).to.include({ reason: 'NOT_FOUND', field: 'ioc_scan_task.document_hashes[1]' });
    const scope: TaskScope = { target: { $case: 'groupId', value: 'nowhere' } };
    expect((await refused(desk.createScan(wanted({ scope })))).reason).to.equal('NOT_FOUND');
    const gone: TaskScope = { target: { $case: 'deviceId', value: 'web-9' } };
    expect(await refused(desk.createScan(wanted({ scope: gone })))).to.include({
      reason: 'DEVICE_NOT_FOUND',
      field: 'ioc_scan_task.scope.device_id',
    });
    const sized = (name: string, mib: number) =>
      desk.document(name, { sizeBytes: BigInt(mib * 1024 * 1024 + 1) });
    const large = await sized('large', 10);
    const both = wanted({ documentHashes: [document, large] });
    const tooMuch = await refused(desk.createScan(both));
    expect(tooMuch).to.include({ field: 'ioc_scan_task.document_hashes' });
    expect(tooMuch.message).to.contain('a task takes 10485760 at most');
    const fits = wanted({ documentHashes: [document, await sized('fits', 9)] });
    expect((await desk.createScan(fits, true)).hints).to.deep.equal([]);
  });

  it('give hints: documents that share an id or are named twice, terms that count as no match, no action', async () => {
    const same = await desk.document('one', { displayName: 'copy' }, 'another content');
    const partly = await desk.document('partly', {
      problems: [{ indicatorId: '', term: 'a', detail: '' }],
      problemsOmitted: 2,
    });
    const empty = await desk.document('empty', { indicatorCount: 0 });
    const { hints } = await desk.createScan(
      wanted({
        documentHashes: [document, document, same, partly, empty],
        ...response({ takeResponseActions: true }),
      }),
    );
    expect(hints.map((hint) => hint.replace(/\([0-9a-f]{12}\)/g, '#'))).to.deep.equal([
      '1 documents were named more than once: each counts once',
      'take_response_actions is set, but no action: a detection is reported and nothing else',
      'document "copy" # has the same id one as document "title of one" #: only the first of them counts',
      'document "title of partly" #: 3 terms count as no match; its record says which and why',
      'document "title of empty" # has no term that can match',
    ]);
  });

  it('have names of their own', async () => {
    const { iocScanTask: made } = await desk.createScan(wanted());
    const again = await refused(desk.createScan(wanted()));
    expect(again.reason).to.equal('ALREADY_EXISTS');
    expect(again.message).to.contain(made?.id);
    await desk.createScan(wanted({ displayName: 'weekly' }));
    const taken = await refused(desk.editScan('weekly', ['display_name'], { displayName: 'nightly' }));
    expect(taken.reason).to.equal('ALREADY_EXISTS');
  });

  it('are changed field by field, while nobody else has changed them', async () => {
    const before = wanted({
      schedule: '0 3 * * *',
      ...settings({ cpuPercent: 20, folders: ['/srv'] }),
      ...response({ takeResponseActions: true, isolateComputer: true }),
    });
    const { iocScanTask: made } = await desk.createScan(before);
    const id = made?.id ?? '';
    const edited = await desk.editScan(
      id,
      ['settings.cpu_percent', 'response.kill_process', 'display_name'],
      {
        displayName: 'early',
        ...settings({ cpuPercent: 5, folders: [] }),
        ...response({ killProcess: true }),
      },
    );
    expect(edited).to.deep.include({ displayName: 'early', etag: '2', schedule: '0 3 * * *' });
    expect(edited.settings).to.deep.equal({ ...before.settings, cpuPercent: 5 });
    expect(edited.response).to.deep.equal({ ...before.response, killProcess: true });
    expect((await desk.editScan(id, ['settings', 'response'], {})).settings).to.equal(undefined);

    const stale = await refused(desk.editScan(id, ['schedule'], { schedule: '', etag: '1' }));
    expect(stale.reason).to.equal('ETAG_MISMATCH');
    const path = await refused(desk.editScan(id, ['colour'], {}));
    expect(path).to.include({ field: 'update_mask.paths[0]' });
    const both = await refused(desk.editScan(id, ['start_at'], { startAt: toTimestamp(9e12) }));
    expect(both).to.include({ field: 'ioc_scan_task.start_at' });
    expect((await refused(desk.removeScan(id, '1'))).reason).to.equal('ETAG_MISMATCH');
    await desk.removeScan('early');
    expect((await refused(desk.readScan(id))).reason).to.equal('NOT_FOUND');
  });

  it('whose only start has passed can still be changed in all else', async () => {
    const { iocScanTask: made } = await desk.createScan(
      wanted({ startAt: toTimestamp(site.clock.wall() + HOUR) }),
    );
    site.clock.advance(2 * HOUR);
    const edited = await desk.editScan(made?.id ?? '', ['skip_missed'], { skipMissed: true });
    expect(edited.skipMissed).to.equal(true);
    const again = desk.editScan(made?.id ?? '', ['start_at'], { startAt: made?.startAt });
    expect(await refused(again)).to.include({ field: 'ioc_scan_task.start_at' });
  });

  it('are listed by name, page by page', async () => {
    for (const displayName of ['c', 'a', 'b']) await desk.createScan(wanted({ displayName }));
    const names: string[] = [];
    let pageToken = '';
    do {
      const page = await desk.call(TaskServiceService.listIocScanTasks, { pageSize: 2, pageToken });
      names.push(...page.iocScanTasks.map(({ displayName }) => displayName));
      pageToken = page.nextPageToken;
    } while (pageToken !== '');
    expect(names).to.deep.equal(['a', 'b', 'c']);
  });

  it('keep the group of their filter by its id, and the group', async () => {
    const groupId = await desk.group('OT/line 1');
    const filter = { groupId: 'OT/line 1', connection: ConnectionState.CONNECTION_STATE_ONLINE };
    const { iocScanTask: made } = await desk.createScan(wanted({ scope: filterScope(filter) }));
    expect(made?.scope).to.deep.equal(filterScope({ ...filter, groupId }));
    expect(made?.scopeName).to.equal('');
    const removal = desk.call(GroupServiceService.deleteGroup, { id: groupId, etag: '', requestId: '' });
    const answer = await refused(removal);
    expect(answer.reason).to.equal('IN_USE');
    expect(answer.message).to.contain('the IOC scan task "nightly"');
  });
});
