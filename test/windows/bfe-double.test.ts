import { setTimeout as pause } from 'node:timers/promises';
import { expect } from 'chai';
import { itNeeding } from '../net/site/it-needing.js';
import { mingw } from './bfe-double/build.js';
import { BfeDouble } from './bfe-double/double.js';
import type { BfeDump } from './bfe-double/dump.js';
import { expectSuite, Wine, wine, type WineProcess } from './wine.js';

const needs = { met: wine.met && mingw.met, why: wine.met ? mingw.why : wine.why };

/** Cases of the test program, each a sentence. */
const CASES: Readonly<Record<string, string>> = {
  objects: 'refuses what BFE refuses: keys, references, lifetimes, flags, names, actions, weights',
  transactions: 'runs one transaction a session, and forgets it when that is aborted or the session ends',
  conditions: 'refuses conditions that the field, the layer or the kind of match does not take',
  values: 'gives values back as it got them, at odd addresses too',
  enumeration: 'enumerates by template, in pages, as it was when the handle was made',
  sessions: 'lists sessions, and ends what is dynamic with its own',
  locks: 'has who wants the lock wait, as long as the session said',
  faults: 'fails, delays and loses calls on request',
  phases: 'is gone with its static filters when the service stops, and forgets handles',
  cycles: 'has nothing left of a thousand transactions',
  applications: 'names a file by its path below the device, in lower case',
  security: 'keeps security descriptors',
};

/** Keys of the test program begin with a number. */
function numbers(
  dump: BfeDump,
  wanted: (filter: BfeDump['filters'][number]) => boolean = () => true,
): number[] {
  return dump.filters.filter(wanted).map(({ key }) => parseInt(key.slice(0, 8), 16));
}

describe('the double of BFE', function () {
  this.timeout(300_000);
  let windows: Wine;
  let bfe: BfeDouble;

  before(function () {
    if (!needs.met) return;
    windows = Wine.make();
    bfe = BfeDouble.install(windows);
  });

  beforeEach(async () => {
    if (needs.met) await bfe.reset();
  });

  after(() => {
    if (needs.met) windows.close();
  });

  itNeeding(needs, 'holds 4,000 filters of one transaction, and shows them decoded', async () => {
    const ended = await windows.run(windows.windowsPath(bfe.built.bench), ['4000']);
    expect(ended.code, ended.stderr).to.equal(0);
    const { filters, counters } = bfe.dump();
    expect(filters).to.have.length(4000);
    expect(counters).to.deep.equal({ allocations: 0, enumHandles: 0, subscriptions: 0, sessions: 0 });
    const [, second] = bfe.filters();
    expect(second).to.deep.include({ name: 'Exclusion 1', layer: 'ALE_AUTH_CONNECT_V4', action: 'permit' });
    expect(second?.conditions).to.deep.equal([
      { field: 'IP_PROTOCOL', match: 'equal', value: { type: 'uint8', value: 6 } },
      {
        field: 'IP_REMOTE_PORT',
        match: 'range',
        value: { type: 'range', low: { type: 'uint16', value: 1001 }, high: { type: 'uint16', value: 2001 } },
      },
      {
        field: 'IP_REMOTE_ADDRESS',
        match: 'equal',
        value: { type: 'v4-mask', address: 0x0a000100, mask: 0xffffff00 },
      },
    ]);
  });

  function start(name: string): WineProcess {
    return windows.start(windows.windowsPath(bfe.built.test), [name], {});
  }

  async function until(what: string, holds: () => boolean): Promise<void> {
    const deadline = Date.now() + 20_000;
    while (!holds()) {
      if (Date.now() > deadline) throw new Error(`${what} did not come to pass`);
      await pause(10);
    }
  }

  for (const [name, sentence] of Object.entries(CASES)) {
    itNeeding(needs, sentence, async () => {
      const { code, stdout, stderr } = await start(name).ended;
      expect(code, `${stdout}${stderr}`).to.equal(0);
      const { counters, errors } = await bfe.refresh();
      // What a program leaves behind is not charged to anybody once it is gone.
      expect(counters).to.deep.equal({ allocations: 0, enumHandles: 0, subscriptions: 0, sessions: 0 });
      expect(errors.filter((error) => !error.startsWith('control:'))).to.deep.equal([]);
    });
  }

  itNeeding(
    needs,
    'tells of memory that was freed twice or is not its own, and of what was not freed',
    async () => {
      const { code, stdout } = await start('memory').ended;
      expect(code, stdout).to.equal(0);
      const { errors, counters } = bfe.dump();
      expect(counters.allocations).to.equal(1);
      expect(errors).to.have.length(2);
      expect(errors[0]).to.match(/was freed before$/);
      expect(errors[1]).to.match(/did not come from here$/);
    },
  );

  itNeeding(needs, 'shows names, values of every kind and their order as they were received', async () => {
    await start('values').ended;
    const filter = bfe.dump().filters[0];
    expect(filter).to.deep.include({
      name: 'Größe "日本" \\ 𝄞\n',
      description: 'β',
      layerName: 'ALE_AUTH_CONNECT_V6',
      flags: 8,
      rawContext: '42',
      data: '010100000000000512000000',
      weight: { type: 'uint64', value: '18364758544493064720' },
      effectiveWeight: '18364758544493064720',
    });
    const app = Buffer.from('\\device\\harddiskvolume1\\größe\\日本.exe\0', 'utf16le').toString('hex');
    expect(filter?.conditions.map(({ fieldName, match, value }) => [fieldName, match, value])).to.deep.equal([
      ['IP_PROTOCOL', 'equal', { type: 'uint8', value: 17 }],
      ['ALE_APP_ID', 'equal', { type: 'byte-blob', value: app }],
      ['ALE_USER_ID', 'equal', { type: 'security-descriptor', value: `01000080${'0'.repeat(32)}` }],
      ['ALE_PACKAGE_ID', 'equal', { type: 'sid', value: '010100000000000512000000' }],
      [
        'IP_REMOTE_ADDRESS',
        'equal',
        { type: 'v6-prefix', address: '20010db8000000000000000000000001', prefix: 64 },
      ],
      [
        'IP_REMOTE_ADDRESS',
        'range',
        {
          type: 'range',
          low: { type: 'byte-array16', value: 'fe800000000000000000000000000000' },
          high: { type: 'byte-array16', value: 'fe8000000000000000000000000000ff' },
        },
      ],
      ['IP_REMOTE_PORT', 'not-equal', { type: 'uint16', value: 65535 }],
      ['FLAGS', 'flags-none-set', { type: 'uint32', value: 0x80000001 }],
    ]);
  });

  itNeeding(needs, 'rolls back what a killed program had open, and forgets what was dynamic', async () => {
    const program = start('stay');
    await until('the transaction', () => program.stdout().includes('ready'));
    const before = await bfe.refresh();
    expect(numbers(before)).to.have.members([10, 11, 12, 13]);
    expect(before.sessions.map(({ holdsLock }) => holdsLock)).to.deep.equal([true, false]);
    program.kill();
    await program.ended;
    const after = await bfe.refresh();
    expect(numbers(after)).to.have.members([10, 11, 12]);
    expect(after.sessions).to.deep.equal([]);
    // The lock has nobody any more, and is to be had.
    const { code, stdout } = await start('change').ended;
    expect(code, stdout).to.equal(0);
    expect(numbers(bfe.dump())).to.have.members([10, 11, 12, 22]);
  });

  itNeeding(
    needs,
    'keeps through a restart what is persistent or for the boot, each in force in its time',
    async () => {
      const program = start('stay');
      await until('the transaction', () => program.stdout().includes('ready'));
      await bfe.reboot('booting');
      const booting = bfe.dump();
      expect(booting.phase).to.equal('booting');
      expect(numbers(booting)).to.deep.equal([11, 12]);
      expect(numbers(booting, ({ inForce }) => inForce)).to.deep.equal([12]);
      await bfe.start();
      expect(numbers(bfe.dump(), ({ inForce }) => inForce)).to.deep.equal([11]);
      await bfe.stop();
      expect(numbers(bfe.dump())).to.deep.equal([11, 12]);
      expect(numbers(bfe.dump(), ({ inForce }) => inForce)).to.deep.equal([]);
      program.kill();
      await program.ended;
    },
  );

  itNeeding(
    needs,
    'tells subscribers in another program what changed, in order, but not their own changes',
    async () => {
      const listener = start('listen');
      await until('the subscription', () => listener.stdout().includes('ready'));
      const changed = await start('change').ended;
      expect(changed.code, changed.stdout).to.equal(0);
      await until('the news', () => listener.stdout().includes('added 16'));
      expect(listener.stdout().split('\n').slice(0, -1)).to.deep.equal([
        'ready',
        'added 15 seen',
        'deleted 15 seen',
        'added 16 seen',
      ]);
      listener.kill();
      await listener.ended;
    },
  );

  itNeeding(needs, 'loses news and tells them twice on request', async () => {
    const listener = start('listen');
    await until('the subscription', () => listener.stdout().includes('ready'));
    await bfe.dropEvents(1);
    await bfe.duplicateEvents(1);
    await start('change').ended;
    await until('the news', () => listener.stdout().includes('added 16'));
    expect(listener.stdout().split('\n').slice(0, -1)).to.deep.equal([
      'ready',
      'deleted 15 seen',
      'deleted 15 seen',
      'added 16 seen',
    ]);
    listener.kill();
    await listener.ended;
  });

  itNeeding(needs, 'journals calls with what was committed after each, and keeps every version', async () => {
    await bfe.keepHistory(true);
    const since = bfe.dump().journal;
    await start('transactions').ended;
    const journal = bfe.journal(since);
    const commits = journal.filter(({ committed }) => committed);
    expect(commits.map((entry) => entry.function)).to.deep.equal([
      'FwpmSubLayerAdd0',
      'FwpmTransactionCommit0',
    ]);
    const inside = journal.find((entry) => entry.function === 'FwpmFilterAdd0');
    expect(inside).to.deep.include({ result: 0, transaction: 'write', committed: false });
    expect(commits.map(({ version }) => numbers(bfe.dumpOf(version)))).to.deep.equal([[], [10, 12]]);
    expect(journal.map(({ sequence }) => sequence)).to.deep.equal(
      journal.map((_, index) => since + 1 + index),
    );
  });

  itNeeding(needs, 'is made to fail, and its lock held, from outside', async () => {
    await bfe.fail('FwpmEngineOpen0', 1722);
    await bfe.holdLock(4321, 'Anderes Programm');
    const { faults, sessions } = bfe.dump();
    expect(faults).to.deep.equal([
      { kind: 'fail', function: 'FwpmEngineOpen0', call: 1, value: 1722, times: 1 },
    ]);
    expect(sessions[0]).to.deep.include({ processId: 4321, name: 'Anderes Programm', holdsLock: true });
    const failed = await windows.run(windows.windowsPath(bfe.built.bench), ['1']);
    expect(failed.code).to.equal(1);
    await bfe.releaseLock();
    const well = await windows.run(windows.windowsPath(bfe.built.bench), ['1']);
    expect(well.code).to.equal(0);
    expect(await bfe.control('nonsense').catch((error: Error) => error.message)).to.include('nonsense');
  });

  itNeeding(needs, 'does nothing at all where only the price of calls is wanted', async () => {
    const before = bfe.dump().journal;
    const ended = await windows.run(windows.windowsPath(bfe.built.bench), ['1000'], {
      env: { CORDON_BFE_NULL: '1' },
    });
    expect(ended.code).to.equal(0);
    expect(JSON.parse(ended.stdout)).to.include({ filters: 1000 });
    expect((await bfe.refresh()).journal).to.equal(before);
  });

  itNeeding(needs, 'is loaded by Node for Windows as the agent loads the real one', async () => {
    await expectSuite(windows, 'test/windows/suites/bfe-double.wine.js');
  });
});
