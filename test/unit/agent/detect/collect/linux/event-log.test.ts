import { expect } from 'chai';
import {
  eventLogCollector,
  type JournalLines,
} from '../../../../../../agent/detect/collect/linux/event-log.js';
import { toolLines } from '../../../../../../agent/detect/collect/linux/tool-lines.js';
import type { Collector, Unavailable } from '../../../../../../agent/detect/item.js';
import { collectAll, itemWith, itTellsEveryTerm } from '../term-check.js';
import { temporaryRoot, type TemporaryRoot } from './temporary-root.js';

/** What `journalctl -o json` of systemd 252 wrote of a line that was sent to journald for it. */
const ENTRY =
  '{"_UID":"0","_BOOT_ID":"bacf47ef35f94b71b4f0bdb6dd423ead","__REALTIME_TIMESTAMP":"1795737782189839","_HOSTNAME":"vm","_COMM":"cat","MESSAGE":"hi","SYSLOG_IDENTIFIER":"cat-test","_PID":"10394","__CURSOR":"s=7866659707c94b4ebaf7dffd90d95a91;i=158","PRIORITY":"6","_TRANSPORT":"stdout"}';
const BYTES =
  '{"__REALTIME_TIMESTAMP":"1795737782189839","MESSAGE":[104,195,164,0],"_UID":"77","SYSLOG_IDENTIFIER":["a","b"]}';

function available(found: Collector | Unavailable): Collector {
  if ('unavailable' in found) throw new Error(found.unavailable);
  return found;
}

(process.platform === 'linux' ? describe : describe.skip)('logs of Linux', () => {
  let roots: TemporaryRoot[] = [];
  const newRoot = (): TemporaryRoot => {
    const root = temporaryRoot();
    roots.push(root);
    return root;
  };

  after(() => {
    for (const root of roots) root.remove();
    roots = [];
  });

  const lines = (...all: string[]): JournalLines =>
    // eslint-disable-next-line @typescript-eslint/require-await
    async function* () {
      yield* all;
    };

  const withJournal = newRoot();
  withJournal.write('var/log/journal/3d1219c7/system.journal', '');
  withJournal.write('etc/passwd', 'root:x:0:0::/root:/bin/sh\n');

  describe('in the journal', () => {
    const collector = available(eventLogCollector(withJournal.system(), lines(BYTES, 'broken', ENTRY)));

    itTellsEveryTerm(collector, async () => ({
      item: itemWith(await collectAll(collector), 'EventLogItem/source', 'cat-test'),
      known: {
        log: 'journal',
        source: 'cat-test',
        message: 'hi',
        genTime: 1_795_737_782_189,
        machine: 'vm',
        user: 'root',
        ExecutionProcessId: 10_394,
      },
    }));

    it('may hold bytes, several values, and users without a name', async () => {
      const collected = await collectAll(collector);
      expect(collected.items).to.have.length(2);
      const item = itemWith(collected, 'EventLogItem/source', 'a');
      expect(item.values.get('EventLogItem/message')).to.deep.equal(['hä\0']);
      expect(item.values.get('EventLogItem/user')).to.deep.equal(['77']);
      expect(item.values.has('EventLogItem/ExecutionProcessId')).to.equal(false);
    });

    it('that cannot be read is reported', async () => {
      const failing: JournalLines = (signal) => toolLines('sh', ['-c', 'echo wrong >&2; exit 3'], signal);
      const { items, problems } = await collectAll(
        available(eventLogCollector(withJournal.system(), failing)),
      );
      expect(items).to.deep.equal([]);
      expect(problems).to.deep.equal(['EventLogItem: sh failed: wrong']);
    });
  });

  describe('in files of a syslog daemon', () => {
    const root = newRoot();
    // Two forms that rsyslog writes: the old one, and the one of Debian 12.
    const time = new Date(2026, 10, 27, 1, 2, 3).getTime();
    root.write(
      'var/log/auth.log',
      'Nov 27 01:02:03 vm sshd[71]: Accepted password for eve from 192.0.2.1 port 5 ssh2\nDec 31 23:59:59 vm CRON: last year\n  continued\n\n',
    );
    root.write('var/log/syslog', '2026-11-27T00:26:07.123456+01:00 vm kernel: [12.3] oops\nno end');
    const collector = available(eventLogCollector(root.system({ now: () => time + 1000 })));

    itTellsEveryTerm(
      { terms: new Set([...collector.terms].filter((term) => term !== 'EventLogItem/user')) },
      async () => ({
        item: itemWith(await collectAll(collector), 'EventLogItem/source', 'sshd'),
        known: {
          log: 'auth.log',
          source: 'sshd',
          message: 'Accepted password for eve from 192.0.2.1 port 5 ssh2',
          genTime: time,
          machine: 'vm',
          ExecutionProcessId: 71,
        },
      }),
    );

    it('have lines of last year, of the newer form, and of none', async () => {
      const collected = await collectAll(collector);
      const year = itemWith(collected, 'EventLogItem/source', 'CRON').values.get('EventLogItem/genTime');
      expect(year).to.deep.equal([new Date(2025, 11, 31, 23, 59, 59).getTime()]);
      const iso = itemWith(collected, 'EventLogItem/source', 'kernel');
      expect(iso.values.get('EventLogItem/genTime')).to.deep.equal([Date.UTC(2026, 10, 26, 23, 26, 7, 123)]);
      expect(iso.values.get('EventLogItem/message')).to.deep.equal(['[12.3] oops']);
      itemWith(collected, 'EventLogItem/message', '  continued');
      itemWith(collected, 'EventLogItem/message', 'no end');
      expect(collected.items).to.have.length(5);
    });

    it('are read from their end only when they are large, from a whole line on', async () => {
      const large = newRoot();
      const line = `2026-11-27T00:00:00+00:00 vm prog: ${'x'.repeat(1000)}\n`;
      large.write('var/log/messages', `first line\n${line.repeat(20_000)}last line\n`);
      const { items } = await collectAll(available(eventLogCollector(large.system())));
      const messages = items.map(({ values }) => values.get('EventLogItem/message')?.[0]);
      expect(messages).not.to.include('first line');
      expect(messages.at(-1)).to.equal('last line');
      expect(new Set(messages.slice(0, -1))).to.deep.equal(new Set(['x'.repeat(1000)]));
      expect(items.length).to.be.within(16_000, 16_500);
    });
  });

  it('are not available where nothing keeps any', () => {
    expect(eventLogCollector(newRoot().system())).to.deep.equal({
      type: 'EventLogItem',
      unavailable: 'there is neither a systemd journal nor a file of a syslog daemon in /var/log',
    });
  });

  describe('from a tool that writes without end', () => {
    it('end with whoever takes them, and the tool with them', async () => {
      const taken: string[] = [];
      for await (const line of toolLines('sh', ['-c', 'echo $$; exec yes'], new AbortController().signal)) {
        taken.push(line);
        if (taken.length === 1000) break;
      }
      expect(taken.slice(1).every((line) => line === 'y')).to.equal(true);
      await gone(Number(taken[0]));
    });

    it('end when the scan ends', async () => {
      const scan = new AbortController();
      let count = 0;
      for await (const line of toolLines('sh', ['-c', 'echo begun; exec sleep 60'], scan.signal)) {
        expect(line).to.equal('begun');
        count += 1;
        scan.abort();
      }
      expect(count).to.equal(1);
    });

    it('leave out a line that is too long', async () => {
      const script = "head -c 3000000 /dev/zero | tr '\\0' x; echo; echo short";
      const taken: string[] = [];
      for await (const line of toolLines('sh', ['-c', script], new AbortController().signal))
        taken.push(line);
      expect(taken).to.deep.equal(['short']);
    });
  });
});

async function gone(pid: number): Promise<void> {
  for (let tries = 0; tries < 100; tries += 1) {
    try {
      process.kill(pid, 0);
    } catch {
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`process ${pid} still runs`);
}
