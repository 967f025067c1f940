import { existsSync } from 'node:fs';
import { hostname, userInfo } from 'node:os';
import { expect } from 'chai';
import { eventLogCollector, type JournalLines } from '../../../agent/detect/collect/linux/event-log.js';
import { journalArguments } from '../../../agent/detect/collect/linux/journal.js';
import { linuxSystem } from '../../../agent/detect/collect/linux/system.js';
import { toolLines } from '../../../agent/detect/collect/linux/tool-lines.js';
import { checkTerm, collectAll, itemWith } from '../../unit/agent/detect/collect/term-check.js';
import { itNeeding, requireNetAdmin } from '../site/index.js';

requireNetAdmin();

const JOURNALD = '/lib/systemd/systemd-journald';
const MESSAGE = 'a line for the journal of a test';

/** A journald of its own, which sees nothing of the computer's and ends with the script; then journalctl. */
const SCRIPT = `
mount -t tmpfs none /run && mount -t tmpfs none /var/log && mkdir -p /run/systemd /run/log/journal || exit 1
${JOURNALD} 2> /dev/null &
for try in 1 2 3 4 5 6 7 8 9 10; do test -S /run/systemd/journal/stdout && break; sleep 0.2; done
echo '${MESSAGE}' | systemd-cat -t cordon-probe
for try in 1 2 3 4 5 6 7 8 9 10; do journalctl -t cordon-probe | grep -q '${MESSAGE}' && break; sleep 0.2; done
journalctl "$@"
`;

const journal: JournalLines = (signal) =>
  toolLines(
    'unshare',
    [
      '--mount',
      '--pid',
      '--fork',
      '--mount-proc',
      '--kill-child',
      'sh',
      '-c',
      SCRIPT,
      'sh',
      ...journalArguments(1000),
    ],
    signal,
  );

describe('the journal of systemd', () => {
  const need = { met: existsSync(JOURNALD), why: 'there is no systemd-journald' };

  itNeeding(need, 'is read entry by entry, and every term of it matches the real one only', async () => {
    const { files } = linuxSystem();
    const collector = eventLogCollector(
      {
        ...linuxSystem(),
        // That there is a journal is what the real folder may not say here.
        files: {
          ...files,
          list: (folder) =>
            folder.endsWith('/journal')
              ? ['machine']
              : folder.endsWith('/machine')
                ? ['system.journal']
                : files.list(folder),
        },
      },
      journal,
    );
    if ('unavailable' in collector) throw new Error(collector.unavailable);
    const collected = await collectAll(collector);
    expect(collected.problems).to.deep.equal([]);
    const real = {
      item: itemWith(collected, 'EventLogItem/message', MESSAGE),
      known: {
        log: 'journal',
        source: 'cordon-probe',
        message: MESSAGE,
        genTime: (value: unknown) => Math.abs(Number(value) - Date.now()) < 20_000,
        machine: hostname().split('.')[0] ?? '',
        user: userInfo().username,
        ExecutionProcessId: (value: unknown) => Number(value) > 1,
      },
    };
    for (const term of collector.terms) checkTerm(term, real);
  });
});
