import {
  appendFileSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { expect } from 'chai';
import { pino } from 'pino';
import { AuditFeed } from '../../../../server/events/audit-feed.js';
import { readCursor } from '../../../../server/events/cursors.js';
import { Exporter, type ExporterDeps } from '../../../../server/events/exporter.js';
import type { Sink } from '../../../../server/events/sink.js';
import { startExport } from '../../../../server/events/start-export.js';
import { StreamConnection } from '../../../../server/events/stream-connection.js';
import { appendAudit, appendAudits } from '../../../../server/store/audit.js';
import { Store } from '../../../../server/store/store.js';
import { systemClock, type Clock } from '../../../../shared/clock.js';
import type { Event } from '../../../../shared/gen/cordon/v1/event_service.js';
import { FakeClock } from '../../../fakes/fake-clock.js';
import { DatagramReceiver, StreamReceiver } from '../../../fakes/syslog-receiver.js';
import { makeTestIdentity } from '../../../fakes/test-ca.js';

/** Waits for what the operating system does in its own time. */
async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const limit = Date.now() + 10_000;
  while (!(await condition())) {
    if (Date.now() > limit) throw new Error('what the test waits for did not happen');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

describe('the export of events', () => {
  let folder: string;
  let store: Store;
  let feed: AuditFeed;
  let logged: { readonly level: number; readonly msg: string; readonly problem?: string; waiting?: number }[];
  let deps: ExporterDeps;
  let stops: (() => Promise<void>)[];

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'cordon-export-'));
    store = await Store.openSqlite(join(folder, 'store.db'));
    logged = [];
    const sink = new Writable({
      write: (line: Buffer, _encoding, done) => {
        logged.push(JSON.parse(line.toString()) as (typeof logged)[number]);
        done();
      },
    });
    const log = pino({ level: 'info' }, sink);
    feed = new AuditFeed(store, systemClock, log);
    // Every wait of a back-off is 50 ms and less.
    deps = { store, feed, clock: systemClock, log, random: () => 0.01 };
    stops = [];
  });

  afterEach(async () => {
    for (const stop of stops) await stop();
    feed.close();
    await store.close();
    rmSync(folder, { recursive: true });
  });

  /** Records in the audit log, each in a transaction of its own. */
  async function happen(count: number, reason = ''): Promise<void> {
    for (let index = 0; index < count; index += 1) {
      const entry = { occurredAt: index, actor: 'ada', action: 'api_token.create', reason };
      await store.write((tx) => appendAudit(tx, entry));
    }
  }
  async function start(config: Parameters<typeof startExport>[0]): Promise<() => Promise<void>> {
    const stop = await startExport(config, deps);
    stops.push(stop);
    return stop;
  }
  const numbers = (first: number, last: number): number[] =>
    Array.from({ length: last - first + 1 }, (_, index) => first + index);
  const warnings = (): string[] => logged.filter(({ level }) => level >= 40).map(({ msg }) => msg);

  describe('to a file', () => {
    let path: string;
    beforeEach(() => {
      path = join(folder, 'events.jsonl');
    });
    const lines = (of = path): string[] =>
      existsSync(of) ? readFileSync(of, 'utf8').split('\n').slice(0, -1) : [];
    const sequences = (of = path): number[] =>
      lines(of).map((line) => (JSON.parse(line) as { sequence: number }).sequence);

    it('writes what there is and what comes, one line each, for owner and group alone', async () => {
      await happen(3);
      await start({ event_file: path });
      await until(() => lines().length === 3);
      await happen(2, 'a\nb');
      await until(() => lines().length === 5);
      expect(sequences()).to.deep.equal(numbers(1, 5));
      expect(statSync(path).mode & 0o777 & ~0o640).to.equal(0);
      expect(warnings()).to.deep.equal([]);
    });

    it('goes on where it was after a restart, and a new file gets everything', async () => {
      await happen(3);
      const stop = await start({ event_file: path });
      await until(async () => (await readCursor(store.read, `event_file ${path}`)) === 3);
      await stop();
      await happen(2);
      await start({ event_file: path });
      await until(() => lines().length === 5);
      expect(sequences()).to.deep.equal(numbers(1, 5));
      const another = join(folder, 'another.jsonl');
      await start({ event_file: another });
      await until(() => lines(another).length === 5);
    });

    it('loses nothing while the file is rotated under it, whether it is renamed or emptied', async () => {
      await start({ event_file: path });
      const old = [1, 2, 3].map((number) => `${path}.${number}`);
      let written = 0;
      for (const to of old) {
        await happen(20);
        written += 20;
        await until(async () => (await readCursor(store.read, `event_file ${path}`)) === written);
        renameSync(path, to);
      }
      await happen(5);
      await until(() => lines().length === 5);
      expect([...old, path].flatMap((one) => sequences(one))).to.deep.equal(numbers(1, 65));
      truncateSync(path);
      await happen(2);
      await until(() => lines().length === 2);
      expect(sequences()).to.deep.equal([66, 67]);
    });

    it('ends a line that a crash has cut, and writes its event again on a line of its own', async () => {
      writeFileSync(path, '{"sequence":1,"ti');
      await happen(1);
      await start({ event_file: path });
      await until(() => lines().length === 2);
      expect(lines()[0]).to.equal('{"sequence":1,"ti');
      expect(JSON.parse(lines()[1] ?? '')).to.include({ sequence: 1 });
    });

    for (const [what, wrong, named] of [
      ['in a folder that is not there', 'none/x', /^event_file: .*ENOENT.*; choose a file/],
      ['below a file', 'store.db/x', /^event_file: .*ENOTDIR/],
      ['that is a folder', '.', /^event_file: .*is not a file/],
    ] as const) {
      it(`says at the start that the file cannot be one ${what}`, async () => {
        const problem = await start({ event_file: join(folder, wrong) }).then(
          () => '',
          (error: Error) => `${error.name} ${error.message}`,
        );
        expect(problem).to.match(/^ConfigError /);
        expect(problem.slice(12)).to.match(named);
      });
    }
  });

  describe('as syslog', () => {
    it('arrives over TCP, also what happened while the receiver was gone, and says so once', async () => {
      const receiver = await StreamReceiver.open();
      await happen(3);
      await start({ event_syslog: `tcp://127.0.0.1:${receiver.port}` });
      await until(() => receiver.sequences.length >= 3);
      await receiver.stop();
      await happen(20);
      await until(() => warnings().length > 0);
      await new Promise((resolve) => setTimeout(resolve, 300));
      expect(warnings()).to.deep.equal([
        'events do not arrive; they wait in the audit log, and it is tried again',
      ]);
      expect(logged.find(({ level }) => level === 40)?.waiting).to.be.greaterThan(0);
      await receiver.start();
      await until(() => receiver.sequences.includes(23));
      expect([...new Set(receiver.sequences)]).to.deep.equal(numbers(1, 23));
      await until(() => logged.some(({ msg }) => msg === 'events arrive again'));
      await receiver.stop();
    });

    it('loses nothing to a receiver that is killed again and again while events come', async function () {
      this.timeout(20_000);
      const receiver = await StreamReceiver.open();
      await start({ event_syslog: `tcp://127.0.0.1:${receiver.port}` });
      for (let round = 0; round < 4; round += 1) {
        await happen(40);
        await receiver.stop();
        await happen(10);
        await receiver.start();
      }
      await until(() => receiver.sequences.includes(200));
      expect([...new Set(receiver.sequences)].sort((a, b) => a - b)).to.deep.equal(numbers(1, 200));
      await receiver.stop();
    });

    it('arrives over TLS at a receiver whose certificate is good', async () => {
      const identity = await makeTestIdentity('localhost');
      writeFileSync(join(folder, 'ca.pem'), identity.caPem);
      const receiver = await StreamReceiver.open(identity);
      await happen(3);
      const event_syslog = `tls://localhost:${receiver.port}`;
      await start({ event_syslog, event_syslog_ca: join(folder, 'ca.pem') });
      await until(() => receiver.sequences.length === 3);
      expect(receiver.sequences).to.deep.equal([1, 2, 3]);
      await receiver.stop();
    });

    for (const [what, host, trusted] of [
      ['of an authority that nobody trusts', 'localhost', false],
      ['for another host', '127.0.0.1', true],
    ] as const) {
      it(`does not go to a receiver with a certificate ${what}`, async () => {
        const identity = await makeTestIdentity('localhost');
        writeFileSync(join(folder, 'ca.pem'), identity.caPem);
        const receiver = await StreamReceiver.open(identity);
        await happen(1);
        const event_syslog = `tls://${host}:${receiver.port}`;
        await start({ event_syslog, ...(trusted ? { event_syslog_ca: join(folder, 'ca.pem') } : {}) });
        await until(() => warnings().length > 0);
        expect(logged.find(({ level }) => level === 40)?.problem).to.match(/certificate|altnames/i);
        expect(receiver.sequences).to.deep.equal([]);
        expect(await readCursor(store.read, `event_syslog ${event_syslog}`)).to.equal(0);
        await receiver.stop();
      });
    }

    it('arrives over UDP, and waits while the port is closed', async () => {
      const receiver = await DatagramReceiver.open();
      await happen(45);
      await start({ event_syslog: `udp://127.0.0.1:${receiver.port}` });
      await until(() => receiver.sequences.length === 45);
      expect(receiver.sequences).to.deep.equal(numbers(1, 45));
      await receiver.stop();
      await happen(3);
      await until(() => warnings().length > 0);
      await receiver.start();
      await until(() => receiver.sequences.includes(48));
      expect([...new Set(receiver.sequences)]).to.deep.equal(numbers(1, 48));
      await receiver.stop();
    });

    it('ends at once while a receiver does not read', async () => {
      const receiver = await StreamReceiver.open();
      receiver.stall();
      const entry = { occurredAt: 0, actor: 'ada', action: 'api_token.create', reason: 'x'.repeat(7500) };
      const entries = Array.from({ length: 500 }, () => entry);
      await store.write((tx) => appendAudits(tx, entries));
      const event_syslog = `tcp://127.0.0.1:${receiver.port}`;
      const stop = await start({ event_syslog });
      await new Promise((resolve) => setTimeout(resolve, 600));
      expect(await readCursor(store.read, `event_syslog ${event_syslog}`), 'it waits').to.equal(0);
      const before = Date.now();
      await stop();
      expect(Date.now() - before).to.be.lessThan(1_000);
      await receiver.stop();
    });

    it('ends at once while it connects', async () => {
      const receiver = await StreamReceiver.open();
      receiver.stall();
      await happen(1);
      // A handshake that a receiver of plain TCP never answers.
      const stop = await start({ event_syslog: `tls://127.0.0.1:${receiver.port}` });
      await new Promise((resolve) => setTimeout(resolve, 100));
      const before = Date.now();
      await stop();
      expect(Date.now() - before).to.be.lessThan(1_000);
      expect(warnings()).to.deep.equal([]);
      await receiver.stop();
    });

    it('gives up on a receiver that does not read for 30 s', async () => {
      const receiver = await StreamReceiver.open();
      receiver.stall();
      const clock = new FakeClock();
      const target = { transport: 'tcp' as const, host: '127.0.0.1', port: receiver.port };
      const connection = new StreamConnection(target, undefined, clock);
      await connection.opened();
      const written = connection.write(Buffer.alloc(64 * 1024 * 1024)).catch((error: Error) => error.message);
      await new Promise((resolve) => setTimeout(resolve, 50));
      clock.advance(29_999);
      expect(connection.isOpen).to.equal(true);
      clock.advance(1);
      expect(await written).to.equal('the receiver does not read within 30 s');
      expect(connection.isOpen).to.equal(false);
      expect(clock.pending).to.equal(0);
      await receiver.stop();
    });

    it('gives up on a computer that does not answer for 10 s', async () => {
      const clock = new FakeClock();
      // A TLS handshake that a receiver of plain TCP never answers.
      const receiver = await StreamReceiver.open();
      receiver.stall();
      const target = { transport: 'tls' as const, host: '127.0.0.1', port: receiver.port };
      const opened = new StreamConnection(target, undefined, clock).opened().then(
        () => '',
        (error: Error) => error.message,
      );
      await until(() => clock.pending > 0);
      clock.advance(10_000);
      expect(await opened).to.equal('no connection within 10 s');
      await receiver.stop();
    });

    for (const [wrong, named] of [
      [{ event_syslog_ca: 'x' }, /^event_syslog_ca: belongs to an event_syslog that begins with tls/],
      [
        { event_syslog: 'tcp://127.0.0.1:1', event_syslog_ca: 'x' },
        /^event_syslog_ca: belongs to an event_syslog that begins with tls/,
      ],
      [{ event_syslog: 'tls://127.0.0.1:1', event_syslog_ca: 'none' }, /^event_syslog_ca: none .*ENOENT/],
      [
        { event_syslog: 'tls://127.0.0.1:1', event_syslog_ca: '/dev/null' },
        /^event_syslog_ca: .* holds no certificate/,
      ],
    ] as const) {
      it(`says at the start what is wrong with ${JSON.stringify(wrong)}`, async () => {
        const problem = await start(wrong).then(
          () => '',
          (error: Error) => error.message,
        );
        expect(problem).to.match(named);
      });
    }
  });

  describe('that is killed after it wrote and before its cursor moved', () => {
    it('writes the same again, and loses nothing', async () => {
      await happen(5);
      const taken: number[] = [];
      let dies = true;
      const sink: Sink = {
        target: 'sink',
        most: 2,
        write: (events: readonly Event[]) => {
          taken.push(...events.map(({ sequence }) => Number(sequence)));
          // Nothing that it does afterwards reaches the store.
          return dies && taken.length === 4 ? new Promise(() => undefined) : Promise.resolve();
        },
        close: () => undefined,
      };
      // Nobody waits for the first one: it is dead.
      new Exporter(deps, sink);
      await until(() => taken.length === 4);
      dies = false;
      const next = new Exporter(deps, sink);
      stops.push(() => next.stop());
      await until(async () => (await readCursor(store.read, 'sink')) === 5);
      expect(taken).to.deep.equal([1, 2, 3, 4, 3, 4, 5]);
    });
  });

  describe('that does not get through', () => {
    it('says so once and every ten minutes, waits at random up to a minute, and says when it is over', async () => {
      const clock = new FakeClock();
      const waits: number[] = [];
      const watched: Clock = {
        ...systemClock,
        wall: () => clock.wall(),
        sinceBoot: () => clock.sinceBoot(),
        after: (ms, run) => {
          waits.push(ms);
          return clock.after(ms, run);
        },
      };
      await happen(1);
      let broken = true;
      let tries = 0;
      const sink: Sink = {
        target: 'sink',
        most: 10,
        write: () => {
          tries += 1;
          return broken ? Promise.reject(new Error('no route')) : Promise.resolve();
        },
        close: () => undefined,
      };
      const exporter = new Exporter({ ...deps, clock: watched, random: () => 0.999 }, sink);
      stops.push(() => exporter.stop());
      for (let count = 1; count <= 30; count += 1) {
        await until(() => tries === count && clock.pending === 1);
        clock.advance(60_000);
      }
      expect(waits.slice(0, 4)).to.deep.equal([999, 1998, 3996, 7992]);
      expect(Math.max(...waits)).to.equal(0.999 * 60_000);
      expect(warnings()).to.have.lengthOf(3);
      expect(logged.find(({ level }) => level === 40)).to.include({ problem: 'no route', waiting: 1 });
      broken = false;
      await until(() => tries > 30);
      clock.advance(60_000);
      await until(() => logged.some(({ msg }) => msg === 'events arrive again'));
    });
  });

  it('keeps a file and a receiver apart', async () => {
    const receiver = await StreamReceiver.open();
    const path = join(folder, 'events.jsonl');
    appendFileSync(path, '');
    await start({ event_file: path, event_syslog: `tcp://127.0.0.1:${receiver.port}` });
    await receiver.stop();
    await happen(3);
    await until(() => readFileSync(path, 'utf8').split('\n').length === 4);
    expect(receiver.sequences).to.deep.equal([]);
  });
});
