import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { expect } from 'chai';
import { pino } from 'pino';
import { AppendLog } from '../../../agent/append-log.js';
import { readBootId } from '../../../agent/boot-id.js';
import { CommandJournal } from '../../../agent/commands/journal.js';
import { configSchema } from '../../../agent/config.js';
import { prepareDataFolder } from '../../../agent/data-folder.js';
import { FolderError } from '../../../agent/folder-error.js';
import { IdentityFiles } from '../../../agent/identity/files.js';
import { Identity } from '../../../agent/identity/identity.js';
import { fileStore, NOTHING_YET } from '../../../agent/isolation/store.js';
import { EventOutbox } from '../../../agent/link/event-outbox.js';
import { EventLogNotes } from '../../../agent/notify/event-log-notes.js';
import { readWindowsBootId } from '../../../agent/windows/boot.js';
import { openEventLog, registerEventSource, removeEventSource } from '../../../agent/windows/event-log.js';
import { folderSecurity } from '../../../agent/windows/folder-security.js';
import { systemFolder, systemLibrary } from '../../../agent/windows/library.js';
import { agentService } from '../../../agent/windows/service-definition.js';
import { ServiceManager } from '../../../agent/windows/service-manager.js';
import { sessionTeller } from '../../../agent/windows/sessions.js';
import { systemClock } from '../../../shared/clock.js';
import { writeDurably } from '../../../shared/durable-file.js';
import { IsolationState } from '../../../shared/gen/cordon/v1/isolation.js';
import { isId } from '../../../shared/ids.js';
import { observed } from '../../fakes/observed.js';

/** Where the Linux side has put the doubles; they write into the log beside them. */
const doubles = process.env['CORDON_DOUBLES'] ?? '';
const doubleLog = process.env['CORDON_DOUBLE_LOG'] ?? '';
const said = (): string => (existsSync(doubleLog) ? readFileSync(doubleLog, 'utf8') : '');
const { ISOLATION_STATE_RELEASED: RELEASED, ISOLATION_STATE_ISOLATED: ISOLATED } = IsolationState;
const folder = `C:\\platform-${process.pid}`;

beforeEach(() => {
  rmSync(doubleLog, { force: true });
  rmSync(folder, { recursive: true, force: true });
});

describe('the folder of the system', () => {
  it('is what Windows says, whatever the environment has', async () => {
    const before = process.env['SystemRoot'];
    process.env['SystemRoot'] = 'C:\\of somebody';
    try {
      expect((await systemFolder()).toLowerCase()).to.equal('c:\\windows\\system32');
      await systemLibrary('advapi32.dll');
    } finally {
      process.env['SystemRoot'] = before;
    }
  });
});

describe('time on Windows', () => {
  it('has a boot with an identity that stays', async () => {
    const id = await readWindowsBootId();
    expect(isId(id)).to.equal(true);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(await readBootId()).to.equal(id);
  });

  it('goes on from the boot, in milliseconds', async () => {
    const before = systemClock.sinceBoot();
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(systemClock.sinceBoot() - before).to.be.within(250, 2_000);
  });

  it('has a watch for suspends that is quiet while nothing sleeps', async () => {
    let resumed = 0;
    const cancel = systemClock.onResume(() => (resumed += 1));
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    cancel();
    expect(resumed).to.equal(0);
  });
});

describe('the data folder on Windows', () => {
  it('is made with what lies above it, for administrators alone', async () => {
    const data = join(folder, 'Cordon', 'Agent');
    await prepareDataFolder(data);
    await prepareDataFolder(data);
    const security = await folderSecurity();
    for (const made of [data, join(folder, 'Cordon')]) security.check(made, 'private');
  });

  it('is refused where others may use it', async () => {
    mkdirSync(folder);
    const refused = await prepareDataFolder(folder).catch((error: unknown) => error);
    expect(refused).to.be.instanceOf(FolderError);
    expect(String(refused)).to.match(/S-1-1-0 has rights there.*icacls/);
    // The same folder is good enough for a program, which others may read.
    const security = await folderSecurity();
    security.check(folder, 'unchangeable');
    const file = join(folder, 'settings');
    writeFileSync(file, '');
    security.check(file, 'unchangeable');
    chmodSync(file, 0o666);
    expect(() => security.check(file, 'private')).to.throw(FolderError, /S-1-1-0/);
  });

  it('holds everything that an agent keeps', async () => {
    await prepareDataFolder(folder);
    const identity = new Identity(new IdentityFiles(folder), Math.random);
    await identity.enrollmentCsr();
    expect(new Identity(new IdentityFiles(folder), Math.random).deviceId).to.equal(identity.deviceId);
    const store = fileStore(folder);
    store.save(NOTHING_YET);
    store.save({ ...NOTHING_YET, done: ['a'] });
    expect(fileStore(folder).load().done).to.deep.equal(['a']);
    const outbox = new EventOutbox(folder, systemClock);
    for (let count = 0; count < 3; count += 1) {
      outbox.add({ $case: 'tamperDetected', value: { detail: `${count}`, restoredAt: undefined } });
    }
    outbox.acknowledge([...outbox.pending()].slice(0, 1).map(({ id }) => id));
    expect([...new EventOutbox(folder, systemClock).pending()].length).to.equal(2);
    expect(new CommandJournal(folder, systemClock).open()).to.deep.equal([]);
    const log = new AppendLog(join(folder, 'lines.log'));
    log.append({ a: 1 });
    writeFileSync(join(folder, 'lines.log'), '{"torn', { flag: 'a' });
    expect(new AppendLog(join(folder, 'lines.log')).read()).to.deep.equal([{ a: 1 }]);
    log.rewrite([]);
  });

  it('has files that are replaced although somebody holds them for a moment', async () => {
    await prepareDataFolder(folder);
    const path = join(folder, 'held');
    writeDurably(path, 'old', 0o600);
    const holder = holding(path, 400);
    await holder.held;
    const begun = performance.now();
    writeDurably(path, 'new', 0o600);
    expect(performance.now() - begun).to.be.within(100, 1_500);
    expect(readFileSync(path, 'utf8')).to.equal('new');
    await holder.ended;
  });
});

describe('the agent as a service of Windows', () => {
  it('is configured exactly as it is meant to be', async () => {
    const manager = await ServiceManager.open(quiet, `${doubles}\\double-advapi32.dll`);
    const definition = {
      ...agentService([process.execPath, 'C:\\a b\\main.js']),
      name: `cordon-test-${process.pid}`,
    };
    try {
      expect(manager.install(definition)).to.deep.equal([]);
      expect(said().split('\n')).to.deep.equal([
        `description ${definition.description}`,
        'failure-actions reset 86400 reboot 0 command 0 count 3',
        'action 1 after 1000',
        'action 1 after 5000',
        'action 1 after 30000',
        'failure-flag 1',
        'delayed 0',
        'sid-type 1',
        'preshutdown 20000',
        '',
      ]);
      expect(manager.install(definition)).to.deep.equal([]);
      expect(manager.status(definition.name)).to.include({ state: 'stopped', processId: 0 });
    } finally {
      expect(await manager.remove(definition.name)).to.equal(true);
    }
    expect(await manager.remove(definition.name)).to.equal(false);
    expect(manager.status(definition.name)).to.equal(undefined);
  });
});

describe('the event log of Windows', () => {
  const silent = pino({ level: 'silent' });

  it('gets an entry with number, level and text', async () => {
    const write = await openEventLog(`${doubles}\\double-advapi32.dll`);
    const notes = new EventLogNotes(observed(RELEASED), silent, write);
    notes.note(
      { $case: 'isolationChanged', value: { observed: observed(ISOLATED, { reason: 'Fälle 4711' }) } },
      '',
    );
    notes.note({ $case: 'isolationChanged', value: { observed: observed(RELEASED) } }, '');
    const text = said();
    expect(text).to.match(/^source Cordon Agent on this computer 1$/m);
    expect(text).to.match(
      /^event source 51 type 2 category 0 id 100 user 0 strings 1 data 0,0: This computer is isolated/m,
    );
    expect(text).to.include('Reason: Fälle 4711');
    expect(text).to.match(/^event source 51 type 4 category 0 id 102 /m);
  });

  it('may refuse an entry, and nobody is disturbed but who asks', async () => {
    const write = await openEventLog(`${doubles}\\double-advapi32.dll`);
    expect(() => write({ id: 999, level: 'error', text: 'x' })).to.throw(/ReportEventW.*1502/);
  });

  it('knows its source after the installation, and forgets it', async () => {
    await registerEventSource();
    await registerEventSource();
    await removeEventSource();
    await removeEventSource();
  });
});

describe('messages to people at Windows', () => {
  const message = { title: 'This computer is isolated', lines: ['Grüße', 'Until: never'] };

  afterEach(() => {
    delete process.env['CORDON_DOUBLE_REFUSES'];
  });

  it('reach every session of a person, and wait for nobody', async () => {
    expect(await sessionTeller(`${doubles}\\double-wtsapi32.dll`)(message)).to.deep.equal([
      { kind: 'done' },
      { kind: 'done' },
    ]);
    const text = 'style 10030 timeout 0 wait 0 [Cordon: This computer is isolated] [Grüße\r\nUntil: never]';
    expect(said().split('\n')).to.deep.equal([
      'sessions listed',
      'memory freed',
      ...[1, 2].flatMap((session) => `message to ${session} of this computer 1 ${text}`.split('\n')),
      '',
    ]);
  });

  it('reach the others where one session refuses', async () => {
    process.env['CORDON_DOUBLE_REFUSES'] = '1';
    const endings = await sessionTeller(`${doubles}\\double-wtsapi32.dll`)(message);
    expect(endings.map(({ kind }) => kind)).to.deep.equal(['failed', 'done']);
  });

  it('are given up where there is no such library', async () => {
    const [ending] = await sessionTeller('C:\\none.dll')(message);
    expect(ending?.kind).to.equal('failed');
  });
});

describe('the settings of the agent on Windows', () => {
  it('have places of Windows', () => {
    const settings = configSchema.parse({ helper_services: 'W32Time, Cordon Helper' });
    expect(settings).to.deep.include({
      data_dir: 'C:\\ProgramData\\Cordon\\Agent',
      control_socket: '\\\\.\\pipe\\cordon-agent',
    });
    expect(settings.helper_services).to.have.length(2);
    expect(configSchema.safeParse({ control_socket: 'C:\\x.sock' }).success).to.equal(false);
  });
});

const quiet = {
  progress: () => undefined,
  now: () => performance.now(),
  sleep: (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms)),
};

/** Somebody who has a file open so that nobody else may, as a virus scanner does. */
function holding(
  path: string,
  ms: number,
): { readonly held: Promise<unknown>; readonly ended: Promise<unknown> } {
  const koffi = fileURLToPath(import.meta.resolve('koffi'));
  const code = `
    const { parentPort, workerData } = require('node:worker_threads');
    const koffi = require(workerData.koffi);
    const kernel = koffi.load('kernel32.dll');
    const open = kernel.func('void * __stdcall CreateFileW(str16, uint32_t, uint32_t, void *, uint32_t, uint32_t, void *)');
    const close = kernel.func('int __stdcall CloseHandle(void *)');
    const file = open(workerData.path, 0x80000000, 0, null, 3, 0, null);
    parentPort.postMessage('held');
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, workerData.ms);
    close(file);`;
  const worker = new Worker(code, { eval: true, workerData: { path, ms, koffi } });
  return {
    held: new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject)),
    ended: new Promise((resolve) => worker.once('exit', resolve)),
  };
}
