import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { parse } from 'yaml';
import { AlertState, type Alert } from '../../../shared/gen/cordon/v1/alert.js';
import { CommandState, type Command } from '../../../shared/gen/cordon/v1/command.js';
import { ConnectionState } from '../../../shared/gen/cordon/v1/device.js';
import { EventSeverity } from '../../../shared/gen/cordon/v1/event_service.js';
import { ResponseAction, ResponseState, ScanArea } from '../../../shared/gen/cordon/v1/ioc.js';
import { IsolationState } from '../../../shared/gen/cordon/v1/isolation.js';
import type { IocScanTask } from '../../../shared/gen/cordon/v1/task.js';
import { fromDuration, toDuration, toTimestamp } from '../../../shared/time.js';
import { callCordon, type Ended } from '../../fakes/call-cordon.js';
import { runCordon } from '../../fakes/run-cordon.js';
import { FAKE_TOKEN, FakeManagementServer } from '../../fakes/fake-management-server.js';

const ZEUS =
  '<ioc id="11111111-2222-3333-4444-555555555555"><short_description>Zeus</short_description></ioc>';
const DUQU = '<ioc id="d"><short_description>Duqu</short_description><x unknown="FileItem/Nothing"/></ioc>';

/** What a hostile device or document may call itself: a terminal that obeyed it would be cleared. */
const HOSTILE = 'evil\x1b[2Jname\u202e';

/** What a terminal obeys; the mark at the start of a syslog message is none of it. */
const OBEYED = /[^\P{Cc}\n]|[^\P{Cf}\ufeff]/u;

describe('cordon and detections', () => {
  let server: FakeManagementServer;
  let folder: string;
  let env: Record<string, string>;

  before(async () => {
    server = await FakeManagementServer.start();
    folder = mkdtempSync(join(tmpdir(), 'cordon-detections-'));
    const ca = join(folder, 'ca.crt');
    writeFileSync(ca, server.identity.caPem);
    env = { HOME: folder, CORDON_SERVER: server.address, CORDON_TOKEN: FAKE_TOKEN, CORDON_CA: ca };
    writeFileSync(join(folder, 'zeus.ioc'), ZEUS);
    writeFileSync(join(folder, 'bad.ioc'), 'nonsense');
    mkdirSync(join(folder, 'set', 'deeper'), { recursive: true });
    writeFileSync(join(folder, 'set', 'a.ioc'), ZEUS);
    writeFileSync(join(folder, 'set', 'deeper', 'b.XML'), DUQU);
    writeFileSync(join(folder, 'set', 'notes.txt'), 'not a document');
  });

  after(() => {
    server.stop();
    rmSync(folder, { recursive: true });
  });

  beforeEach(() => {
    server.obedience = 'obeys';
    server.devices.clear();
    server.detections.clear();
    for (const name of ['laptop', 'desk']) {
      server.put({ id: `id-${name}`, name, connection: ConnectionState.CONNECTION_STATE_ONLINE });
    }
  });

  const call = (...words: string[]): Promise<Ended> => callCordon(words, env);
  const cordon = (line: string): Promise<Ended> => call(...line.split(' ').filter(Boolean));

  async function done(...words: string[]): Promise<string> {
    const ended = await call(...words);
    expect(ended.stderr, words.join(' ')).to.equal('');
    expect(ended.code, words.join(' ')).to.equal(0);
    expect(ended.stdout).not.to.match(OBEYED);
    return ended.stdout;
  }

  async function refused(
    code: number,
    words: readonly string[],
    ...parts: (string | RegExp)[]
  ): Promise<void> {
    const ended = await call(...words);
    expect(ended.stderr).to.match(/cordon: [^\n]+; [^\n]+\n$/);
    for (const part of parts) expect(ended.stderr).to.match(new RegExp(part));
    expect(ended.code, ended.stderr).to.equal(code);
  }

  const path = (...parts: string[]): string => join(folder, ...parts);
  const hashOf = (text: string): string => createHash('sha256').update(text).digest('hex');

  describe('documents', () => {
    it('are stored from files and folders, each with its outcome, and a bad one does not stop the rest', async () => {
      const ended = await call('ioc', 'add', path('bad.ioc'), path('set'));
      expect(ended.stdout)
        .to.contain(`bad.ioc: REFUSED: content: line 1: the root element has to be ioc`)
        .and.to.contain(`a.ioc: stored: "Zeus", 3 terms, ${hashOf(ZEUS).slice(0, 12)}`)
        .and.to.contain('b.XML: stored: "Duqu"')
        .and.to.contain('1 term counts as no match: FileItem/Nothing')
        .and.to.contain('2 stored, 0 stored already, 1 refused')
        .and.not.to.contain('notes.txt');
      expect(ended.stderr).to.contain('1 of 3 files was refused');
      expect(ended.code).to.equal(1);
      expect(await done('ioc', 'add', path('zeus.ioc'))).to.contain('is stored already');
    });

    it('are only checked with --dry-run', async () => {
      expect(await done('ioc', 'add', path('zeus.ioc'), '--dry-run')).to.contain('is good: "Zeus"');
      expect(server.detections.documents.size).to.equal(0);
    });

    it('tell programs what became of each file', async () => {
      const ended = await call('ioc', 'add', path('bad.ioc'), path('zeus.ioc'), '-o', 'json');
      const { files } = JSON.parse(ended.stdout) as { files: { outcome: string; error?: string }[] };
      expect(files.map(({ outcome }) => outcome)).to.deep.equal(['failed', 'stored']);
      expect(files[0]?.error).to.contain('root element');
      expect(ended.code).to.equal(1);
    });

    it('are refused before the server is asked where the path is wrong', async () => {
      await refused(2, ['ioc', 'add', path('nowhere.ioc')], 'nowhere.ioc cannot be read .ENOENT.');
      mkdirSync(path('empty'), { recursive: true });
      await refused(2, ['ioc', 'add', path('empty')], 'holds no file that ends in .ioc');
      writeFileSync(path('huge.ioc'), Buffer.alloc(2 * 1024 * 1024 + 1));
      const huge = await call('ioc', 'add', path('huge.ioc'));
      expect(huge.stdout).to.contain('larger than 2 MiB');
      expect(huge.code).to.equal(1);
    });

    it('are named by title, id, file name or the start of the hash, and only where that is unique', async () => {
      await done('ioc', 'add', path('set'));
      const hash = hashOf(ZEUS);
      for (const name of [
        'Zeus',
        '11111111-2222-3333-4444-555555555555',
        'a.ioc',
        hash,
        hash.slice(0, 6).toUpperCase(),
      ]) {
        expect(await done('ioc', 'show', name), name).to.contain(hash);
      }
      await refused(1, ['ioc', 'show', hash.slice(0, 5)], 'at least 6 digits');
      await refused(1, ['ioc', 'show', 'Stuxnet'], 'no document "Stuxnet"', 'cordon ioc list');
      writeFileSync(path('twin.ioc'), ZEUS.replace('1111', '9999'));
      await done('ioc', 'add', path('twin.ioc'));
      await refused(1, ['ioc', 'show', 'Zeus'], `fits 2 documents: .*${hash.slice(0, 12)} .Zeus.`);
    });

    it('show which terms count as no match, and their content byte by byte', async () => {
      await done('ioc', 'add', path('set'));
      expect(await done('ioc', 'show', 'Duqu')).to.match(/FileItem\/Nothing +not a term of OpenIOC/);
      expect(await done('ioc', 'show', 'Duqu', '--content')).to.equal(DUQU);
      const json = JSON.parse(await done('ioc', 'show', 'Duqu', '--content', '-o', 'json')) as {
        content: string;
      };
      expect(Buffer.from(json.content, 'base64').toString()).to.equal(DUQU);
    });

    it('are listed as a table and for programs, and removed unless a scan needs them', async () => {
      await done('ioc', 'add', path('set'));
      expect(await done('ioc', 'list')).to.match(/[0-9a-f]{12} +Zeus +OpenIOC 1\.0 +3 +FileItem/);
      const list = parse(await done('ioc', 'list', '-o', 'yaml')) as { documents: object[] };
      expect(list.documents).to.have.length(2);
      await done('scan', 'create', 's', '--document', 'Zeus', '--device', 'laptop');
      await refused(1, ['ioc', 'remove', 'Zeus'], 'needed by a task', 'cordon scan list');
      expect(await done('ioc', 'remove', 'Duqu')).to.equal('removed Duqu\n');
      await refused(1, ['ioc', 'remove', 'Duqu'], 'no document');
    });

    it('cannot make a terminal do what their titles say', async () => {
      writeFileSync(path('evil.ioc'), ZEUS.replace('Zeus', HOSTILE));
      await done('ioc', 'add', path('evil.ioc'));
      expect(await done('ioc', 'list')).to.contain('evil?[2Jname?');
      expect(await done('ioc', 'list', '-o', 'json')).to.contain('\\u001b[2J');
      await done('ioc', 'show', hashOf(ZEUS.replace('Zeus', HOSTILE)));
    });
  });

  describe('scans', () => {
    const task = (): IocScanTask => server.detections.tasks[0] as IocScanTask;

    beforeEach(() => done('ioc', 'add', path('set')));

    it('take every setting from flags', async () => {
      const text = await done(
        ...'scan create hunt --document Zeus --document Duqu --group OT --tag critical --os linux'.split(' '),
        ...'--area local-drives --folder /opt --folder /srv --exclude /opt/data/** --network-file-systems'.split(
          ' ',
        ),
        ...'--max-file-size 1.5GB --cpu 20 --rate 20MB --without RegistryItem,eventlogitem'.split(' '),
        ...['--weekly', 'sun,Wed 03:05', '--time-zone', 'Europe/Berlin', '--spread', '30m', '--skip-missed'],
        ...'--time-limit 2h --respond isolate,kill'.split(' '),
      );
      expect(text)
        .to.contain(
          'made scan hunt for devices in OT, tagged critical, with linux: every Sunday and Wednesday',
        )
        .and.to.contain('at 03:05 (Europe/Berlin), spread over 30m, missed runs are left out')
        .and.to.contain('hint: two share an id');
      const { settings, response } = task();
      expect(settings).to.deep.equal({
        area: ScanArea.SCAN_AREA_LOCAL_DRIVES,
        folders: ['/opt', '/srv'],
        excludedPaths: ['/opt/data/**'],
        networkFileSystems: true,
        maxFileBytes: 1_610_612_736n,
        cpuPercent: 20,
        maxBytesPerSecond: 20_971_520n,
        disabledItemTypes: ['RegistryItem', 'EventLogItem'],
      });
      expect(response).to.deep.equal({
        takeResponseActions: true,
        isolateComputer: true,
        quarantineFile: false,
        killProcess: true,
      });
      expect(task()).to.deep.include({
        schedule: '5 3 * * 0,3',
        timeZone: 'Europe/Berlin',
        skipMissed: true,
      });
      expect(fromDuration(task().timeLimit ?? toDuration(0))).to.equal(7_200_000);
      const shown = await done('scan', 'show', 'hunt');
      for (const line of [
        /Area +all local drives/,
        /Folders +\/opt, \/srv/,
        /Hashes +of files up to 1.5 GiB/,
        /Load +up to 20 % of the processors, 20 MiB a second/,
        /Not looked at +RegistryItem, EventLogItem/,
        /On a match +isolate the computer, kill the process;/,
        /Duqu +[0-9a-f]{12}/,
      ]) {
        expect(shown).to.match(line);
      }
    });

    it('are for a device, a group, or all that conditions name', async () => {
      const scope = async (...flags: string[]): Promise<unknown> => {
        server.detections.tasks.length = 0;
        await done('scan', 'create', 's', '--document', 'Zeus', ...flags);
        return task().scope?.target;
      };
      expect(await scope('--device', 'laptop')).to.deep.equal({ $case: 'deviceId', value: 'laptop' });
      expect(await scope('--group', 'root')).to.deep.equal({ $case: 'groupId', value: 'root' });
      expect(await scope('--group', 'OT', '--online')).to.have.property('$case', 'filter');
    });

    it('store files that are named as documents first, and nothing with --dry-run', async () => {
      writeFileSync(path('fresh.ioc'), ZEUS.replace('Zeus', 'Fresh'));
      const create = ['scan', 'create', 'f', '--document', path('fresh.ioc'), '--device', 'laptop'];
      const dry = await done(...create, '--dry-run');
      expect(dry).to.contain('nothing is changed; would have made scan f').and.to.contain('not stored yet');
      expect(server.detections.documents.size).to.equal(2);
      const ended = await call(...create, '--now');
      expect(ended.stderr).to.contain('fresh.ioc: "Fresh"');
      expect(ended.stdout).to.contain('told 2 devices to scan now');
      expect(server.detections.documents.size).to.equal(3);
      await refused(2, ['scan', 'create', 'g', '--document', path('bad.ioc'), '--device', 'laptop'], 'root');
    });

    it('change in single settings, and only those', async () => {
      await done(...'scan create s --document Zeus --device laptop --folder /opt --daily 03:00'.split(' '));
      expect(await done(...'scan set s --cpu 10 --at +2h'.split(' '))).to.match(
        /changed scan s .*once, \d{4}-/,
      );
      expect(server.detections.masks.at(-1)).to.have.members(['settings', 'schedule', 'start_at']);
      expect(task()).to.deep.include({ schedule: '' });
      expect(task().settings).to.deep.include({ cpuPercent: 10, folders: ['/opt'] });
      await done(...'scan set s --area folders'.split(' '));
      await done(...'scan set s --on-demand --rename t'.split(' '));
      expect(server.detections.masks.at(-1)).to.have.members(['schedule', 'start_at', 'display_name']);
      expect(task()).to.deep.include({ displayName: 't', startAt: undefined });
      await done(...'scan set t --respond none --dry-run'.split(' '));
      expect(task().response).to.equal(undefined);
      await refused(2, ['scan', 'set', 't'], 'nothing to set', '--daily');
    });

    it('are listed, and removed after a yes', async () => {
      await done(...'scan create s --document Zeus --group root'.split(' '));
      expect(await done('scan', 'list')).to.match(
        /^SCAN .*\ns +group root +1 +only when told to +- +none yet/,
      );
      await refused(2, ['scan', 'remove', 's'], 'no terminal', '--yes');
      expect(await done('scan', 'remove', 's', '--dry-run')).to.contain('would remove scan s');
      expect(await done('scan', 'remove', 's', '--yes')).to.contain('removed scan s');
      await refused(1, ['scan', 'show', 's'], 'no such scan', 'list');
    });

    it('need documents, devices and a plan that can be', async () => {
      await refused(
        2,
        ['scan', 'create', 's', '--device', 'laptop'],
        '--document is missing',
        'cordon ioc list',
      );
      await refused(2, ['scan', 'create', 's', '--document', 'Zeus'], 'which devices', '--device');
      const create = ['scan', 'create', 's', '--document', 'Zeus', '--device', 'laptop'];
      await refused(2, [...create, '--at', '2001-01-01T00:00Z'], '--at', 'over');
      await refused(2, [...create, '--area', 'folders'], '--area folders', '--folder');
      await refused(
        1,
        ['scan', 'create', 's', '--document', 'Nix', '--device', 'laptop'],
        'no document "Nix"',
      );
    });
  });

  describe('runs of a scan', () => {
    const laptop = (): Command =>
      server.detections.commands.find(({ deviceId }) => deviceId === 'id-laptop') as Command;
    const desk = (): Command =>
      server.detections.commands.find(({ deviceId }) => deviceId === 'id-desk') as Command;

    beforeEach(async () => {
      await done('ioc', 'add', path('zeus.ioc'));
      await done(...'scan create s --document Zeus --group root'.split(' '));
    });

    const finish = (command: Command, found: number): void => {
      command.state = CommandState.COMMAND_STATE_SUCCEEDED;
      command.result = {
        outcome: {
          $case: 'iocScan',
          value: {
            itemsScanned: 1300n,
            detections: found,
            filesScanned: 1234n,
            bytesHashed: 5_000_000n,
            detectionsOmitted: 0,
            collectors: [
              { itemType: 'FileItem', items: 1234n, unavailable: '', unavailableTerms: [] },
              {
                itemType: 'RegistryItem',
                items: 0n,
                unavailable: 'not available here',
                unavailableTerms: [],
              },
            ],
            documents: [
              {
                hash: Buffer.alloc(32, 1),
                displayName: HOSTILE,
                detections: found,
                problems: 2,
                refused: '',
              },
            ],
            problems: [{ subject: `/srv/${HOSTILE}`, detail: 'permission denied' }],
            problemsOmitted: 4n,
            restarts: 0,
            worked: { seconds: 65n, nanos: 0 },
          },
        },
      };
    };
    const run = (command: Command, percent: number, files: bigint, found = 0): void => {
      command.state = CommandState.COMMAND_STATE_RUNNING;
      command.progressPercent = percent;
      command.progress = {
        filesScanned: files,
        itemsScanned: 0n,
        bytesHashed: 0n,
        detections: found,
        activity: `files in /home/${HOSTILE}`,
      };
    };

    /** Goes on by one step each time the client looks at the laptop. */
    function script(...steps: (() => void)[]): void {
      let reads = 0;
      server.detections.beforeRead = () => {
        reads += 1;
        // Both devices are read each time.
        if (reads % 2 === 1) steps.shift()?.();
      };
    }

    it('show their progress while they are waited for, and end with 0 when nothing was found', async () => {
      script(
        () => run(laptop(), 42, 12_345n),
        () => {
          finish(laptop(), 0);
          finish(desk(), 0);
        },
      );
      const ended = await cordon('scan run s --wait');
      expect(ended.stderr)
        .to.contain('laptop: 42 %, 12,345 files, nothing found; files in /home/evil?[2Jname?\n')
        .and.to.contain('desk: waits for the device\n')
        .and.to.contain('laptop: done: 1,234 files, nothing found, in 1m5s\n')
        .and.not.to.match(OBEYED);
      expect(ended.code).to.equal(0);
    });

    it('end with 5 when something was found, and with what became of each device for programs', async () => {
      script(() => {
        finish(laptop(), 2);
        desk().state = CommandState.COMMAND_STATE_FAILED;
        desk().error = 'the disk is gone';
      });
      const ended = await cordon('scan run s --wait -o json');
      expect(ended.stderr).to.contain(
        'cordon: found on laptop; the scan failed on desk; "cordon alerts list --task s" shows what\n',
      );
      expect(ended.code).to.equal(5);
      const { results } = JSON.parse(ended.stdout) as {
        results: { deviceName: string; outcome: string; detections: number; detail: string }[];
      };
      expect(
        results.map(({ deviceName, outcome, detections }) => [deviceName, outcome, detections]),
      ).to.deep.equal([
        ['laptop', 'found', 2],
        ['desk', 'failed', 0],
      ]);
      expect(results[1]?.detail).to.equal('FAILED: failed: the disk is gone');
    });

    it('end with 1 when one failed, and with 3 when the time is over', async () => {
      script(() => {
        finish(laptop(), 0);
        desk().state = CommandState.COMMAND_STATE_EXPIRED;
      });
      const failed = await cordon('scan run s --wait');
      expect(failed.stderr).to.contain('the scan failed on desk; "cordon scan status s" tells why');
      expect(failed.code).to.equal(1);
      server.detections.commands.length = 0;
      const late = await cordon('scan run s --device laptop --wait --timeout 1s');
      expect(late.stderr).to.contain('laptop did not finish within 1s; the scan goes on');
      expect(late.code).to.equal(3);
    });

    it('are counted as found when they found something before the time was over', async () => {
      script(() => run(laptop(), 10, 5n, 1));
      const ended = await cordon('scan run s --device laptop --wait --timeout 1s');
      expect(ended.code).to.equal(5);
    });

    it('go on where none has begun, and say so where all have', async () => {
      expect(await done('scan', 'run', 's')).to.contain('told 2 devices to scan');
      run(laptop(), 1, 1n);
      expect((await cordon('scan run s')).stderr).to.contain('1 device left out');
      run(desk(), 1, 1n);
      await refused(1, ['scan', 'run', 's'], '2 devices left out', 'cordon scan status s');
    });

    it('are shown for each device: the one that counts, and the next', async () => {
      await done('scan', 'run', 's');
      finish(laptop(), 1);
      run(desk(), 7, 70n);
      const [scan] = server.detections.tasks;
      server.detections.addRun(scan as IocScanTask, {
        deviceId: 'id-laptop',
        notBefore: toTimestamp(Date.UTC(2099, 0, 2, 3, 4, 5)),
      });
      const status = await done('scan', 'status', 's');
      expect(status)
        .to.match(/desk +running +7 %, 70 files, nothing found/)
        .and.to.match(/laptop +succeeded +1,234 files, 1 found +- +2099-01-02T03:04:05Z/);
      const json = JSON.parse(await done('scan', 'status', 's', '-o', 'json')) as {
        devices: { deviceName: string; current: { state: string } }[];
      };
      expect(json.devices.map(({ deviceName, current }) => [deviceName, current.state])).to.deep.equal([
        ['desk', 'COMMAND_STATE_RUNNING'],
        ['laptop', 'COMMAND_STATE_SUCCEEDED'],
      ]);
      expect(await done('scan', 'show', 's')).to.match(/laptop +succeeded/);
    });

    it('pause, resume and end, all or those of one device, and a planned start stays', async () => {
      await done('scan', 'run', 's');
      run(laptop(), 1, 1n);
      run(desk(), 1, 1n);
      const [scan] = server.detections.tasks;
      const planned = server.detections.addRun(scan as IocScanTask, {
        deviceId: 'id-press',
        notBefore: toTimestamp(Date.UTC(2099, 0, 1)),
      });
      expect(await done('scan', 'pause', 's')).to.match(/^(laptop|desk): paused\n(laptop|desk): paused\n$/);
      expect(await done('scan', 'resume', 's', '--device', 'desk')).to.equal('desk: resumed\n');
      expect(laptop().state).to.equal(CommandState.COMMAND_STATE_PAUSED);
      expect(await done('command', 'list', '--task', 's')).to.match(/laptop +scan s +paused +1 %, 1 files/);
      expect(await done('scan', 'cancel', laptop().id)).to.equal('laptop: cancelled\n');
      expect(await done('scan', 'cancel', 's')).to.equal('desk: cancelled\n');
      expect(planned.state).to.equal(CommandState.COMMAND_STATE_PENDING);
      await refused(1, ['scan', 'resume', 's'], 'no run of s is paused', 'cordon scan status s');
      await refused(1, ['scan', 'pause', laptop().id], 'not in a state for this', 'cordon command show');
      await refused(2, ['scan', 'cancel', laptop().id, '--device', 'desk'], '--device has no meaning');
    });

    it('are shown by "command show" with everything that a scan reports', async () => {
      await done('scan', 'run', 's', '--device', 'laptop');
      run(laptop(), 42, 12n);
      expect(await done('command', 'show', laptop().id)).to.match(/Doing +files in \/home\/evil\?\[2Jname\?/);
      finish(laptop(), 3);
      const shown = await done('command', 'show', laptop().id);
      for (const line of [
        /Found +3; "cordon alerts list" shows them/,
        /Hashed +4.8 MiB/,
        /Worked +1m5s/,
        /evil\?\[2Jname\? +3 +2 not known/,
        /RegistryItem +- +not available here/,
        /\/srv\/evil\?\[2Jname\? +permission denied/,
        /and 4 more/,
      ]) {
        expect(shown).to.match(line);
      }
    });
  });

  describe('alerts', () => {
    const ID = '0195f3a1-7c2e-7b60-9d11-5f0c3a2b1e44';
    const OTHER = '0195f3a1-7c2e-7b60-9d11-aaaaaaaa1e44';

    const alert = (part: Partial<Alert> = {}): Alert =>
      server.detections.put({
        id: ID,
        deviceId: 'id-laptop',
        deviceName: 'laptop',
        source: 'ioc-scan',
        ruleId: 'rule-1',
        title: 'Zeus',
        occurredAt: toTimestamp(Date.UTC(2026, 0, 1, 10)),
        receivedAt: toTimestamp(Date.UTC(2026, 0, 1, 11)),
        deviceIsolation: IsolationState.ISOLATION_STATE_RELEASED,
        iocMatch: {
          documentHash: Buffer.alloc(32, 7),
          documentId: 'doc-1',
          documentName: 'Zeus',
          taskId: 'task-1',
          commandId: 'command-1',
          nodesOmitted: 2,
          items: [
            {
              itemType: 'FileItem',
              fields: [
                { term: 'FileItem/FullPath', value: `/tmp/${HOSTILE}` },
                { term: 'FileItem/Md5sum', value: 'd41d8cd98f00b204e9800998ecf8427e' },
              ],
            },
            { itemType: 'ProcessItem', fields: [{ term: 'ProcessItem/pid', value: '4711' }] },
          ],
          nodes: [
            { depth: 0, indicatorId: 'r', node: { $case: 'group', value: { operator: 'OR' } } },
            { depth: 1, indicatorId: 'g', node: { $case: 'group', value: { operator: 'AND' } } },
            {
              depth: 2,
              indicatorId: 'a',
              node: {
                $case: 'term',
                value: {
                  term: 'FileItem/FileName',
                  condition: 'contains',
                  content: 'evil',
                  value: HOSTILE,
                },
              },
            },
            {
              depth: 2,
              indicatorId: 'b',
              node: {
                $case: 'term',
                value: { term: 'ProcessItem/pid', condition: 'is', content: '4711', value: '4711' },
              },
            },
          ],
        },
        responses: [
          {
            action: ResponseAction.RESPONSE_ACTION_ISOLATE,
            state: ResponseState.RESPONSE_STATE_REFUSED,
            detail: 'the policy has automatic isolation off',
            quarantineId: '',
          },
          {
            action: ResponseAction.RESPONSE_ACTION_QUARANTINE_FILE,
            state: ResponseState.RESPONSE_STATE_DONE,
            detail: 'moved',
            quarantineId: 'q-1',
          },
        ],
        ...part,
      });

    it('are listed: those that are open, unless told otherwise', async () => {
      alert();
      alert({ id: OTHER, deviceName: 'desk', state: AlertState.ALERT_STATE_CLOSED, source: 'edr' });
      const open = await done('alerts', 'list');
      expect(open).to.match(
        /3a2b1e44 +2026-01-01T10:00:00Z +laptop +Zeus +\/tmp\/evil\?\[2Jname\? +open +released +isolate REFUSED, quarantine done/,
      );
      expect(open).not.to.contain('desk');
      const ids = async (...flags: string[]): Promise<string[]> => {
        const json = JSON.parse(await done('alerts', 'list', '-o', 'json', ...flags)) as {
          alerts: { id: string }[];
        };
        return json.alerts.map(({ id }) => id);
      };
      expect(await ids('--closed')).to.deep.equal([OTHER]);
      expect(await ids('--all')).to.have.members([ID, OTHER]);
      expect(await ids('--all', '--device', 'desk')).to.deep.equal([OTHER]);
      expect(await ids('--all', '--source', 'ioc-scan')).to.deep.equal([ID]);
      await refused(1, ['alerts', 'list', '--task', 'nothing'], 'no such scan');
      await done('ioc', 'add', path('zeus.ioc'));
      await done(...'scan create s --document Zeus --group root'.split(' '));
      expect(await ids('--task', 's')).to.deep.equal([]);
      alert({ iocMatch: { ...alert().iocMatch!, taskId: server.detections.tasks[0]!.id } });
      expect(await ids('--task', 's')).to.deep.equal([ID]);
    });

    it('show everything: the tree with the values that matched, the items, what was done, what can be done', async () => {
      alert();
      await done('alerts', 'comment', '1e44', 'who is this?');
      const shown = await done('alerts', 'show', '3a2b1e44');
      expect(shown).to.contain(
        [
          'What matched:',
          'OR',
          '└─ AND',
          '   ├─ FileItem/FileName contains "evil", here "evil?[2Jname?"',
          '   └─ ProcessItem/pid is "4711"',
          '(2 more matched)',
        ].join('\n'),
      );
      for (const line of [
        /Device +laptop \(id-laptop\)/,
        /Isolation now +released/,
        /Document +Zeus \(070707070707\)/,
        /FullPath +\/tmp\/evil\?\[2Jname\?/,
        /Md5sum +d41d8cd98f00b204e9800998ecf8427e/,
        /isolate +refused +the policy has automatic isolation off/,
        /alice +who is this\?/,
        /cordon alerts isolate 3a2b1e44 --reason "..." --wait/,
        /cordon alerts close 3a2b1e44/,
        /cordon quarantine restore laptop q-1/,
        /cordon scan status task-1/,
      ]) {
        expect(shown).to.match(line);
      }
      expect(JSON.parse(await done('alerts', 'show', ID, '-o', 'json'))).to.have.nested.property(
        'iocMatch.nodes[2].term.value',
        HOSTILE,
      );
    });

    it('show what another detector says, and what to type where a name cannot be typed', async () => {
      alert({
        iocMatch: undefined,
        source: 'edr',
        deviceName: HOSTILE,
        deviceIsolation: IsolationState.ISOLATION_STATE_ISOLATED,
        detailsJson: JSON.stringify({ file: `/tmp/${HOSTILE}`, score: 9 }),
      });
      const shown = await done('alerts', 'show', ID);
      expect(shown)
        .to.contain('"score": 9')
        .and.to.contain('cordon release id-laptop --reason')
        .and.not.to.contain('alerts isolate');
    });

    it('are named by their end or beginning where that is unique', async () => {
      alert();
      alert({ id: OTHER });
      await refused(1, ['alerts', 'show', '1e44'], 'fits 2 alerts: ', ID, OTHER);
      await refused(1, ['alerts', 'show', 'ffffffff'], 'none of the newest 2000 alerts', '--all');
      await refused(2, ['alerts', 'show', '44'], 'no id of an alert', 'at least 4');
      await refused(2, ['alerts', 'show', 'zeus'], 'no id of an alert');
      expect(await done('alerts', 'show', 'AAAA1E44')).to.contain(OTHER);
      await refused(1, ['alerts', 'show', ID.replace('44', '45')], 'no such alert');
    });

    it('are closed once, with a last comment', async () => {
      alert();
      expect(await done('alerts', 'close', '1e44', '--comment', 'cleaned')).to.equal(
        'closed alert 3a2b1e44 (Zeus)\n',
      );
      expect(server.detections.alerts[0]).to.deep.include({ closedBy: 'alice' });
      expect(server.detections.alerts[0]?.comments.map(({ text }) => text)).to.deep.equal(['cleaned']);
      await refused(1, ['alerts', 'close', '1e44'], 'closed already', 'cordon alerts show');
    });

    it('isolate their device, and wait until it says so', async () => {
      alert();
      const ended = await cordon('alerts isolate 1e44 --reason case --for 2h --wait');
      expect(ended.stderr).to.match(/laptop: isolated/);
      expect(ended.code).to.equal(0);
      expect(await done('alerts', 'isolate', '1e44', '--reason', 'case')).to.match(/laptop +isolate ordered/);
      alert({ deviceName: '' });
      await refused(1, ['alerts', 'isolate', '1e44', '--reason', 'case'], 'was removed');
    });

    it('are shown as they come, one line each, the open ones first when asked for', async () => {
      alert();
      const shown: string[] = [];
      let stop = (): void => {};
      const watching = callCordon(['alerts', 'watch', '--open', '-o', 'json'], env, '', undefined, {
        onOutput: (text) => shown.push(text),
        onInterrupt: (interrupt) => (stop = interrupt),
      });
      while (shown.length < 1) await new Promise((resolve) => setTimeout(resolve, 10));
      alert({ id: OTHER, title: HOSTILE });
      while (shown.length < 2) await new Promise((resolve) => setTimeout(resolve, 10));
      stop();
      const ended = await watching;
      expect(ended.code).to.equal(0);
      const lines = ended.stdout.trimEnd().split('\n');
      expect(lines.map((line) => (JSON.parse(line) as { id: string }).id)).to.deep.equal([ID, OTHER]);
      expect(ended.stdout).not.to.match(OBEYED);
      await refused(1, ['alerts', 'watch', '--device', 'nobody'], 'nobody');
    });
  });

  describe('events', () => {
    beforeEach(() => {
      for (let sequence = 1n; sequence <= 5n; sequence += 1n) {
        server.detections.events.push({
          sequence,
          occurredAt: toTimestamp(Date.UTC(2026, 0, 1)),
          action: 'alert.raised',
          severity: EventSeverity.EVENT_SEVERITY_ALERT,
          actor: 'device:d',
          deviceId: 'd',
          deviceName: HOSTILE,
          reason: '',
          detailsJson: '{"title":"Zeus"}',
        });
      }
    });

    const sequences = (text: string): number[] =>
      text
        .trimEnd()
        .split('\n')
        .map((line) => (JSON.parse(line) as { sequence: number }).sequence);

    it('are exported as JSON lines from a number on, each once, over a loss of the connection', async () => {
      server.detections.loseAfter = 2;
      const ended = await cordon('events export --after 1');
      expect(ended.stderr).to.match(/^cordon: connection lost; trying again in \d+m?s\n$/);
      expect(sequences(ended.stdout)).to.deep.equal([2, 3, 4, 5]);
      expect(ended.code).to.equal(0);
      expect(ended.stdout).not.to.match(OBEYED);
    });

    it('are exported as syslog messages', async () => {
      expect(await done('events', 'export', '--format', 'syslog')).to.match(
        /^<105>1 2026-01-01T00:00:00.000Z 127.0.0.1 cordon-server - alert.raised \[cordon@32473 sequence="1"/,
      );
    });

    it('are appended to a file that only its owner can read', async () => {
      const file = path('events.jsonl');
      await done('events', 'export', '--file', file, '--after', '3');
      await done('events', 'export', '--file', file, '--after', '4');
      expect(sequences(readFileSync(file, 'utf8'))).to.deep.equal([4, 5, 5]);
      await refused(2, ['events', 'export', '--file', path('nowhere', 'x')], '--file', 'ENOENT');
    });

    it('go on with what comes until somebody interrupts', async () => {
      let stop = (): void => {};
      let lines = 0;
      const following = callCordon(['events', 'export', '--follow'], env, '', undefined, {
        onOutput: () => (lines += 1),
        onInterrupt: (interrupt) => (stop = interrupt),
      });
      while (lines < 5) await new Promise((resolve) => setTimeout(resolve, 10));
      stop();
      const ended = await following;
      expect(ended.stderr).to.equal('');
      expect(ended.code).to.equal(0);
    });
  });

  describe('the quarantine', () => {
    const answer = (): void => {
      server.detections.beforeRead = () => {
        const [command] = server.detections.commands;
        const work = command?.spec?.work;
        if (!command || !work) return;
        const files = [
          {
            id: 'q-1',
            path: `/tmp/${HOSTILE}`,
            sizeBytes: 2048n,
            sha256: Buffer.alloc(32),
            quarantinedAt: toTimestamp(0),
            reason: 'Zeus',
          },
        ];
        command.state = CommandState.COMMAND_STATE_SUCCEEDED;
        command.result = {
          outcome:
            work.$case === 'restoreQuarantined'
              ? { $case: 'restoreQuarantined', value: { files } }
              : { $case: 'listQuarantine', value: { files } },
        };
      };
    };

    it('is listed and given back, after the device has answered', async () => {
      answer();
      expect(await done('quarantine', 'list', 'laptop')).to.match(
        /q-1 +\/tmp\/evil\?\[2Jname\? +2 KiB +1970-01-01T00:00:00Z +Zeus/,
      );
      expect(await done('quarantine', 'restore', 'laptop', 'q-1')).to.equal('put back: /tmp/evil?[2Jname?\n');
    });

    it('says that the device has not answered, or what it answered', async () => {
      await refused(3, ['quarantine', 'list', 'laptop', '--timeout', '1s'], 'did not answer', 'command show');
      expect(await done('quarantine', 'list', 'laptop', '--no-wait')).to.match(/^command \S+: pending\n$/);
      server.detections.beforeRead = () => {
        const [command] = server.detections.commands;
        if (command)
          Object.assign(command, { state: CommandState.COMMAND_STATE_FAILED, error: 'a file is there' });
      };
      await refused(1, ['quarantine', 'restore', 'laptop', 'q-1'], 'failed: a file is there');
    });
  });

  describe('usage errors', () => {
    const create = 'scan create s --document d --device laptop';
    for (const [line, named] of [
      ['ioc', 'needs a command'],
      ['ioc add', 'path'],
      ['ioc show', 'document'],
      ['ioc show d --contents', 'did you mean --content'],
      ['ioc list --limit 0', '--limit'],
      ['ioc remove', 'document'],
      ['scan', 'needs a command'],
      ['scan create', 'name'],
      [`scan create ${'x'.repeat(129)}`, 'name'],
      [`${create} --group g`, '--device'],
      [`${create} --area all`, '--area'],
      [`${create} --folder opt`, '--folder'],
      [`${create} --exclude=`, '--exclude'],
      [`${create} --exclude **/x`, '--exclude'],
      [`${create} --folder ?:/x`, '--folder'],
      [`${create} --max-file-size 2TB`, '--max-file-size'],
      [`${create} --max-file-size much`, '--max-file-size'],
      [`${create} --cpu 0`, '--cpu'],
      [`${create} --cpu 101`, '--cpu'],
      [`${create} --rate 1KB`, '--rate'],
      [`${create} --without Registry`, '--without'],
      [`${create} --at tomorrow`, '--at'],
      [`${create} --at 2030-05-01T03:00`, '--at'],
      [`${create} --daily 24:00`, '--daily'],
      [`${create} --weekly sun`, '--weekly'],
      [`${create} --cron *`, '--cron'],
      [`${create} --daily 03:00 --on-demand`, '--daily'],
      [`${create} --on-demand --at +1h`, '--on-demand'],
      [`${create} --time-zone Mars/Base`, '--time-zone'],
      [`${create} --spread 25h`, '--spread'],
      [`${create} --time-limit 10s`, '--time-limit'],
      [`${create} --respond shout`, '--respond'],
      [`${create} --tag=`, '--tag'],
      ['scan set', 'scan'],
      ['scan set s --rename=', '--rename'],
      ['scan run s --timeout 8d', '--timeout'],
      ['scan pause', 'scan or command'],
      ['scan remove', 'scan'],
      ['alerts list --open --closed', '--open'],
      ['alerts list --closed --all', '--closed'],
      ['alerts list --limit x', '--limit'],
      ['alerts show', 'alert'],
      ['alerts comment 1e44', 'text'],
      ['alerts comment 1e44 ', 'text'],
      ['alerts close 1e44 --comment=', '--comment'],
      ['alerts isolate 1e44', '--reason'],
      ['alerts isolate 1e44 --reason x --for 10s', '--for'],
      ['alerts isolate 1e44 --reason x --timeout 0', '--timeout'],
      ['events', 'needs a command'],
      ['events export --format xml', '--format'],
      ['events export --after -1', '--after'],
      ['quarantine list', 'device'],
      ['quarantine list laptop --timeout 0', '--timeout'],
      ['quarantine restore laptop', 'id'],
      ['command list --limit 0', '--limit'],
    ] as const) {
      it(`are told in one line for "cordon ${line}"`, async () => {
        const ended = await cordon(line);
        expect(ended.stderr).to.match(/^cordon: [^\n]+; [^\n]*run "cordon[^\n]+\n$/);
        expect(ended.stderr).to.contain(named);
        expect(ended.code).to.equal(2);
      });
    }
  });

  it('completes documents and scans by name', async () => {
    await done('ioc', 'add', path('zeus.ioc'));
    await done(...'scan create nightly --document Zeus --group root'.split(' '));
    // The library prints by itself: only a program of its own can be asked.
    const completed: string[] = [];
    for (const line of ['scan run ni', 'scan create x --document Z']) {
      const { stdout } = await runCordon(['complete', '--', ...line.split(' ')], env);
      completed.push(stdout.split('\t')[0] ?? '');
    }
    expect(completed).to.deep.equal(['nightly', 'Zeus']);
  });
});
