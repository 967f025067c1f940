import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { CommandJournal, isFinal } from '../../../../agent/commands/journal.js';
import { CommandRunner } from '../../../../agent/commands/runner.js';
import { knownWork } from '../../../../agent/commands/work.js';
import { createDetector, type Detector } from '../../../../agent/detect/detector.js';
import { Quarantine } from '../../../../agent/detect/quarantine/quarantine.js';
import { EventOutbox, OUTBOX_LIMIT } from '../../../../agent/link/event-outbox.js';
import {
  CommandOrder,
  DetectionFound,
  type AgentEvent,
  type CommandUpdate,
} from '../../../../shared/gen/cordon/v1/agent_service.js';
import {
  CommandState,
  type IocScanCommand,
  type IocScanResult,
} from '../../../../shared/gen/cordon/v1/command.js';
import {
  IocScanSettings,
  ResponseAction,
  ResponseState,
  ScanArea,
} from '../../../../shared/gen/cordon/v1/ioc.js';
import { IsolationMode } from '../../../../shared/gen/cordon/v1/isolation.js';
import type { DetectionResponse } from '../../../../shared/gen/cordon/v1/task.js';
import { toDuration } from '../../../../shared/time.js';
import { OwnerSite, settled, silent } from '../../../fakes/agent-owner.js';
import { FakeClock } from '../../../fakes/fake-clock.js';
import { FakeScanner, matchOf, type FakeScanProcess } from '../../../fakes/fake-scan-process.js';
import { desired, isolate, ISOLATION, settings } from '../../../fakes/isolation.js';

const COMMAND = '018f0000-0000-7000-8000-0000000000c1';
const DOCUMENT = Buffer.from('<ioc/>');
const HASH = createHash('sha256').update(DOCUMENT).digest();
const ALL: DetectionResponse = {
  takeResponseActions: true,
  isolateComputer: true,
  quarantineFile: true,
  killProcess: true,
};

describe('an IOC scan on a device', () => {
  let folder: string;
  let clock: FakeClock;
  let site: OwnerSite;
  let scanner: FakeScanner;
  let events: EventOutbox;
  let quarantine: Quarantine;
  let detector: Detector;
  let runner: CommandRunner;
  let updates: CommandUpdate[];
  let generation: bigint;

  const dataDir = (): string => join(folder, 'data');

  /** Starts what an agent consists of here; what was before is gone without a word. */
  async function start(): Promise<void> {
    scanner = new FakeScanner();
    events = new EventOutbox(dataDir(), clock);
    quarantine = new Quarantine({ dataDir: dataDir(), clock, protects: () => undefined });
    detector = await createDetector({
      dataDir: dataDir(),
      clock,
      log: silent,
      events,
      start: scanner.start,
      ownPaths: ['/opt/cordon'],
      respond: { owner: site.owner, quarantine },
    });
    const journal = new CommandJournal(dataDir(), clock);
    const open = (id: string): boolean =>
      !isFinal(journal.get(id)?.update.state ?? CommandState.COMMAND_STATE_FAILED);
    await detector.scans.recover(open);
    const work = knownWork(site.owner, site.enforcer, { scans: detector.scans, quarantine });
    runner = new CommandRunner(journal, work, clock, () => clock.wall(), silent);
    updates = [];
    runner.updates.subscribe((update) => updates.push(update));
    detector.serve(runner);
    await settled();
  }
  async function restart(): Promise<void> {
    await runner.stop();
    await site.restart();
    await start();
  }
  async function policy(automatic = true): Promise<void> {
    generation += 1n;
    const automaticSettings = automatic ? settings() : undefined;
    await site.owner.handle(desired(generation, undefined, { automaticSettings }), site.now());
  }
  function order(response?: DetectionResponse, change: Partial<IocScanCommand> = {}): void {
    const value = { taskId: 'task-1', documentHashes: [HASH], taskName: 't', response, ...change };
    const spec = { work: { $case: 'iocScan' as const, value } };
    runner.order(CommandOrder.fromPartial({ id: COMMAND, spec, runTimeout: toDuration(3_600_000) }));
  }
  const bring = (): void => detector.documents.take(HASH.toString('hex'), DOCUMENT);
  /** A scan that runs. */
  async function scanning(response?: DetectionResponse): Promise<FakeScanProcess> {
    order(response);
    bring();
    await untilTrue(() => scanner.processes.length > 0);
    return scanner.last;
  }
  /** Files are written in the background: real time passes, and no more than is needed. */
  const untilTrue = async (holds: () => boolean): Promise<void> => {
    const deadline = performance.now() + 5_000;
    while (!holds()) {
      if (performance.now() > deadline) throw new Error(`not within 5 s: ${String(holds)}`);
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  const acknowledged = (process: FakeScanProcess): number =>
    process.told.filter((kind) => kind === 'acknowledge').length;
  /** Matches, and waits until it is done with. */
  async function match(process: FakeScanProcess, ...args: Parameters<typeof matchOf>): Promise<void> {
    const before = acknowledged(process);
    process.match(matchOf(...args));
    await untilTrue(() => acknowledged(process) > before);
  }
  const told = (): (DetectionFound & { id: string })[] =>
    [...events.pending()].flatMap(({ id, event }: AgentEvent) =>
      event?.$case === 'detectionFound' ? [{ ...event.value, id }] : [],
    );
  const outcomes = (found: DetectionFound | undefined): string[] =>
    (found?.responses ?? []).map(
      ({ action, state }) =>
        `${ResponseAction[action].replace('RESPONSE_ACTION_', '')} ${ResponseState[state].replace('RESPONSE_STATE_', '')}`,
    );
  const state = (): string => (CommandState[updates.at(-1)?.state ?? 0] ?? '').replace('COMMAND_STATE_', '');
  const result = (): IocScanResult | undefined => {
    const outcome = updates.at(-1)?.result?.outcome;
    return outcome?.$case === 'iocScan' ? outcome.value : undefined;
  };

  beforeEach(async () => {
    folder = realpathSync(mkdtempSync(join(tmpdir(), 'cordon-scans-')));
    clock = new FakeClock();
    site = new OwnerSite(clock);
    generation = 0n;
    await site.owner.start();
    await policy();
    await start();
  });
  afterEach(async () => {
    await runner.stop();
    await site.owner.stop();
    rmSync(folder, { recursive: true });
  });

  describe('and its documents', () => {
    it('starts when they are there, with their files and without the paths of the agent', async () => {
      order();
      await settled();
      expect([state(), scanner.processes.length, detector.documents.missing()]).to.deep.equal([
        'ACCEPTED',
        0,
        [HASH.toString('hex')],
      ]);
      bring();
      await untilTrue(() => scanner.processes.length === 1);
      expect(state()).to.equal('RUNNING');
      expect(scanner.last.order).to.deep.include({
        scanId: COMMAND,
        ownPaths: ['/opt/cordon'],
        checkpoint: undefined,
        documents: [{ hash: HASH.toString('hex'), path: join(dataDir(), 'documents', HASH.toString('hex')) }],
      });
    });

    it('goes on without one that the server does not have, and says so', async () => {
      const other = Buffer.alloc(32, 7);
      order(undefined, { documentHashes: [HASH, other] });
      bring();
      detector.documents.refuse(other.toString('hex'), 'the document was deleted');
      await untilTrue(() => scanner.processes.length === 1);
      scanner.last.done({ itemsScanned: 3n });
      await untilTrue(() => state() === 'SUCCEEDED');
      expect(result()?.documents).to.have.length(1);
      expect(result()?.documents[0]).to.deep.include({ hash: other, refused: 'the document was deleted' });
    });

    for (const [name, area, why] of [
      ['an area that it does not know', 77 as ScanArea, 'does not know'],
      ['folders, and none is named', ScanArea.SCAN_AREA_FOLDERS, 'no folder'],
    ] as const) {
      it(`fails where it shall look at ${name}, rather than look elsewhere`, async () => {
        order(undefined, { settings: IocScanSettings.fromPartial({ area }) });
        bring();
        await untilTrue(() => state() === 'FAILED');
        expect(updates.at(-1)?.error).to.contain(why);
        expect(scanner.processes).to.have.length(0);
      });
    }

    it('fails where none is to be had', async () => {
      order();
      detector.documents.refuse(HASH.toString('hex'), 'the document was deleted');
      await untilTrue(() => state() === 'FAILED');
      expect(updates.at(-1)?.error).to.equal(
        'the scan has no document to look for: the document was deleted',
      );
    });
  });

  describe('that finds something', () => {
    it('and only reports, tells the server and does nothing else', async () => {
      const process = await scanning({ ...ALL, takeResponseActions: false });
      await match(process, 'a', { process: { pid: 99_999_999, startTime: 0 } });
      const [found] = told();
      expect(found).to.deep.include({ source: 'ioc-scan', ruleId: 'doc-1', isolationId: '', responses: [] });
      expect(found?.iocMatch).to.deep.include({ taskId: 'task-1', commandId: COMMAND, documentName: 'Zeus' });
      expect(site.owner.isolated).to.equal(false);
    });

    it('isolates with the settings of the policy, and says why', async () => {
      const process = await scanning(ALL);
      await match(process, 'a');
      const [found] = told();
      expect(outcomes(found)).to.deep.equal(['ISOLATE DONE']);
      expect(site.owner.observed()).to.deep.include({
        isolationId: found?.isolationId,
        mode: IsolationMode.ISOLATION_MODE_AUTOMATIC,
        requestedBy: 'ioc-scan',
        reason: 'IOC "Zeus": FileItem/Md5sum is d41d8c: /tmp/a',
      });
    });

    it('moves the file into quarantine, after the isolation', async () => {
      const file = join(folder, 'evil');
      writeFileSync(file, 'evil');
      const process = await scanning(ALL);
      await match(process, 'a', { file, process: { pid: 99_999_999, startTime: 0 } });
      expect(outcomes(told()[0])).to.deep.equal([
        'ISOLATE DONE',
        'KILL_PROCESS NOT_NEEDED',
        'QUARANTINE_FILE DONE',
      ]);
      expect(existsSync(file)).to.equal(false);
      expect(quarantine.list()).to.have.length(1);
      expect(quarantine.list()[0]).to.include({
        path: file,
        reason: 'Zeus',
        id: told()[0]?.responses[2]?.quarantineId,
      });
    });

    it('does nothing where the policy has automatic isolation off, and says so for each action', async () => {
      await policy(false);
      const file = join(folder, 'evil');
      writeFileSync(file, 'evil');
      const process = await scanning(ALL);
      await match(process, 'a', { file, process: { pid: 1, startTime: 0 } });
      expect(outcomes(told()[0])).to.deep.equal([
        'ISOLATE REFUSED',
        'KILL_PROCESS REFUSED',
        'QUARANTINE_FILE REFUSED',
      ]);
      expect(told()[0]?.responses.map(({ detail }) => detail)).to.deep.equal(
        Array(3).fill('the policy of this device has automatic isolation off'),
      );
      expect([site.owner.isolated, existsSync(file)]).to.deep.equal([false, true]);
    });

    it('isolates and tells where the disk takes nothing, and writes it down when it does', async () => {
      const process = await scanning(ALL);
      const log = join(dataDir(), 'scans', COMMAND, 'findings.log');
      // Folders in the places of the files: nothing can be written.
      mkdirSync(log, { recursive: true });
      mkdirSync(join(dataDir(), 'events.log'));
      process.match(matchOf('a'));
      await untilTrue(() => told().length === 1);
      expect(site.owner.isolated).to.equal(true);
      expect(outcomes(told()[0])).to.deep.equal(['ISOLATE DONE']);
      await settled();
      expect(acknowledged(process)).to.equal(0);
      rmSync(log, { recursive: true });
      rmSync(join(dataDir(), 'events.log'), { recursive: true });
      await match(process, 'a');
      const before = told();
      await restart();
      expect(told()).to.deep.equal(before);
      expect(outcomes(before[0])).to.deep.equal(['ISOLATE DONE']);
    });

    it('leaves a device that is isolated by hand as it is (seed)', async () => {
      await site.owner.handle(desired(9n, isolate(), { automaticSettings: settings() }), site.now());
      const process = await scanning(ALL);
      await match(process, 'a');
      expect(outcomes(told()[0])).to.deep.equal(['ISOLATE NOT_NEEDED']);
      expect(told()[0]?.isolationId).to.equal('');
      expect(site.owner.observed().isolationId).to.equal(ISOLATION);
    });

    it('tells the same match once, and counts each once', async () => {
      const process = await scanning(ALL);
      await match(process, 'a');
      await match(process, 'a');
      await match(process, 'b');
      process.done({ detections: 7 });
      await untilTrue(() => state() === 'SUCCEEDED');
      expect(told()).to.have.length(2);
      expect(result()?.detections).to.equal(2);
      expect(outcomes(told()[1])).to.deep.equal(['ISOLATE NOT_NEEDED']);
    });

    it('takes no more than 500 from one scan', async () => {
      const process = await scanning();
      for (let n = 0; n < 501; n++) await match(process, `m${n}`);
      expect(told()).to.have.length(500);
    });

    it('waits when the outbox is nearly full rather than push a detection out, and says so', async () => {
      const process = await scanning();
      for (let n = 0; n < OUTBOX_LIMIT - 50; n++) {
        events.add({ $case: 'detectionFound', value: DetectionFound.fromPartial({ source: 'edr' }) });
      }
      process.match(matchOf('a'));
      await settled();
      process.progress(10);
      expect(runner.pending()[0]?.progress?.activity).to.match(/^waits until the server has taken/);
      expect(acknowledged(process)).to.equal(0);
      events.acknowledge([told()[0]?.id ?? '']);
      await untilTrue(() => acknowledged(process) === 1);
      expect(told().at(-1)?.source).to.equal('ioc-scan');
      expect(runner.pending()[0]?.progress?.activity).to.equal('files in /x');
    });

    it('tells it all the same when the scan is cancelled while it waits', async () => {
      const process = await scanning();
      for (let n = 0; n < OUTBOX_LIMIT - 50; n++) {
        events.add({ $case: 'detectionFound', value: DetectionFound.fromPartial({ source: 'edr' }) });
      }
      process.match(matchOf('a'));
      await settled();
      runner.cancel(COMMAND);
      await settled();
      process.done();
      await untilTrue(() => state() === 'CANCELLED');
      expect(told().at(-1)?.source).to.equal('ioc-scan');
    });
  });

  describe('when the agent ends in the middle of it', () => {
    it('goes on from where it was written down to be, and counts the restart', async () => {
      const process = await scanning();
      process.progress(40);
      clock.advance(2_000);
      await untilTrue(() => existsSync(join(dataDir(), 'scans', COMMAND, 'state.json')));
      await runner.stop();
      expect(process.killed).to.equal(true);
      await start();
      await untilTrue(() => scanner.processes.length === 1);
      expect(scanner.last.order.checkpoint).to.deep.equal({ state: { at: 40 }, at: 40 });
      scanner.last.done({});
      await untilTrue(() => state() === 'SUCCEEDED');
      expect(result()?.restarts).to.equal(1);
      expect(readdirSync(join(dataDir(), 'scans'))).to.deep.equal([]);
    });

    it('finishes first what was found: before the isolation', async () => {
      await crashAfter('found');
      expect(outcomes(told()[0])).to.deep.equal(['ISOLATE DONE', 'QUARANTINE_FILE DONE']);
      expect(site.owner.observed().isolationId).to.equal(told()[0]?.isolationId);
      expect([told().length, quarantine.list().length]).to.deep.equal([1, 1]);
    });

    it('finishes first what was found: after the isolation and the quarantine, before the event', async () => {
      await crashAfter('responses');
      expect(outcomes(told()[0])).to.deep.equal(['ISOLATE DONE', 'QUARANTINE_FILE DONE']);
      expect(told()[0]?.isolationId).to.equal(site.owner.observed().isolationId);
      expect([told().length, quarantine.list().length]).to.deep.equal([1, 1]);
    });

    it('tells nothing twice: after the event, whether the server has it already or not', async () => {
      await crashAfter('event');
      expect(told()).to.have.length(1);
      events.acknowledge(told().map(({ id }) => id));
      await crashAfter('event');
      expect(told()).to.have.length(0);
    });

    it('knows the match again when the next process finds it again', async () => {
      const process = await scanning(ALL);
      await match(process, 'a');
      await restart();
      await untilTrue(() => scanner.processes.length === 1);
      await match(scanner.last, 'a');
      expect(told()).to.have.length(1);
    });

    /** A crash between two steps: the lines after that step are not in the log. */
    async function crashAfter(step: 'found' | 'responses' | 'event'): Promise<void> {
      const file = join(folder, 'evil');
      const log = join(dataDir(), 'scans', COMMAND, 'findings.log');
      if (!existsSync(log)) {
        writeFileSync(file, 'evil');
        const process = await scanning({ ...ALL, killProcess: false });
        await match(process, 'a', { file });
      }
      const lines = readFileSync(log, 'utf8').split('\n').slice(0, -1);
      const kept = lines.filter((line) =>
        step === 'found' ? line.startsWith('{"found"') : !line.startsWith('{"done"'),
      );
      await runner.stop();
      if (step === 'found') {
        // Nothing had been done yet.
        await quarantine.restore(quarantine.list()[0]?.id ?? '');
        await site.owner.releaseLocally('test');
        site = new OwnerSite(clock);
        await site.owner.start();
        generation = 0n;
        await policy();
      }
      if (step !== 'event') rmSync(join(dataDir(), 'events.log'));
      writeFileSync(log, kept.map((line) => `${line}\n`).join(''));
      await start();
    }
  });

  describe('whose process fails or ends by itself', () => {
    it('goes on with another one from the last checkpoint', async () => {
      const process = await scanning();
      process.progress(30);
      process.fails();
      await untilTrue(() => scanner.processes.length === 2);
      expect(scanner.last.order.checkpoint?.at).to.equal(30);
    });

    it('fails with the reason when that happens again and again without its coming further', async () => {
      let process = await scanning();
      for (let n = 1; n <= 3; n++) {
        process.fails();
        await untilTrue(() => scanner.processes.length === n + 1);
        process = scanner.last;
      }
      process.fails();
      await untilTrue(() => state() === 'FAILED');
      expect(updates.at(-1)?.error).to.equal('the scan process ended early (SIGSEGV)');
    });

    it('fails too where each process comes as far as the one before and no further', async () => {
      let process = await scanning();
      for (let n = 1; n <= 3; n++) {
        process.progress(0, 0);
        process.progress(0, 5_000);
        process.fails();
        await untilTrue(() => scanner.processes.length === n + 1);
        process = scanner.last;
      }
      process.progress(0, 4_000);
      process.fails();
      await untilTrue(() => state() === 'FAILED');
    });

    it('after its result was told is not replaced, and what it still says is not listened to', async () => {
      const process = await scanning();
      process.done();
      await untilTrue(() => state() === 'SUCCEEDED');
      process.fails();
      process.match(matchOf('late'));
      await settled();
      expect([scanner.processes.length, told()]).to.deep.equal([1, []]);
      expect(readdirSync(join(dataDir(), 'scans'))).to.deep.equal([]);
    });

    it('is paused again where the scan is paused', async () => {
      const process = await scanning();
      runner.pause(COMMAND);
      process.fails();
      await untilTrue(() => scanner.processes.length === 2);
      expect([process.told, scanner.last.told]).to.deep.equal([['pause'], ['pause']]);
    });
  });

  it('that is cancelled ends with what it had found, also where its process does not say it', async () => {
    const process = await scanning();
    await match(process, 'a');
    process.progress(50, 1234);
    clock.advance(2_000);
    await settled();
    runner.cancel(COMMAND);
    expect(process.told.at(-1)).to.equal('cancel');
    process.fails('the scan said nothing for 10 s');
    await untilTrue(() => state() === 'CANCELLED');
    expect(result()).to.deep.include({ detections: 1, filesScanned: 1234n });
  });

  it('says how long it worked, pauses left out', async () => {
    const process = await scanning();
    clock.advance(60_000);
    runner.pause(COMMAND);
    clock.advance(600_000);
    runner.resume(COMMAND);
    process.done();
    await untilTrue(() => state() === 'SUCCEEDED');
    expect(result()?.worked).to.deep.equal(toDuration(60_000));
  });

  it('cannot be ordered with an id that is a path', () => {
    const spec = { work: { $case: 'iocScan' as const, value: { documentHashes: [HASH] } } };
    runner.order(CommandOrder.fromPartial({ id: '../../x', spec }));
    expect(state()).to.equal('REJECTED');
  });
});
