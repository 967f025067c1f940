import type { Collector, CollectRequest, Item, Unavailable } from '../../item.js';
import { collector } from '../collector.js';
import { accountNames } from './accounts.js';
import { journalArguments, journalItem } from './journal.js';
import { SYSLOG_FILES, syslogItems } from './syslog.js';
import type { LinuxSystem } from './system.js';
import { toolLines } from './tool-lines.js';

/** Newest entries of the journal that are looked at. */
const JOURNAL_ENTRIES = 100_000;
const JOURNAL_FOLDERS = ['/var/log/journal', '/run/log/journal'];

/** Lists the newest entries of the journal, one line of JSON each, newest first. */
export type JournalLines = (signal: AbortSignal) => AsyncIterable<string>;

const readJournal: JournalLines = (signal) =>
  toolLines('journalctl', journalArguments(JOURNAL_ENTRIES), signal);

/**
 * Entries of the systemd journal; where there is none, lines that a syslog daemon wrote below /var/log. Only the newest:
 * 100,000 entries, or 16 MiB of each file. Logs that have been rotated away are not looked at.
 */
export function eventLogCollector(
  system: LinuxSystem,
  journal: JournalLines = readJournal,
): Collector | Unavailable {
  const hasJournal = JOURNAL_FOLDERS.some((folder) => hasJournalFile(system, folder));
  const logs = SYSLOG_FILES.filter((name) => system.files.size(`/var/log/${name}`) !== undefined);
  if (!hasJournal && logs.length === 0) {
    return {
      type: 'EventLogItem',
      unavailable: 'there is neither a systemd journal nor a file of a syslog daemon in /var/log',
    };
  }
  return collector({
    type: 'EventLogItem',
    properties: ['log', 'source', 'message', 'genTime', 'machine', 'user', 'ExecutionProcessId'],
    most: 1_000_000,
    list: (request) =>
      hasJournal ? journalItems(system, journal, request) : syslogFiles(system, logs, request),
  });
}

/** Journal files lie in a folder of their own for each computer. */
function hasJournalFile({ files }: LinuxSystem, folder: string): boolean {
  return files
    .list(folder)
    .some((machine) => files.list(`${folder}/${machine}`).some((name) => name.endsWith('.journal')));
}

async function* journalItems(
  system: LinuxSystem,
  journal: JournalLines,
  request: CollectRequest,
): AsyncGenerator<Item> {
  const nameOf = accountNames(system.files);
  for await (const line of journal(request.signal)) {
    const item = journalItem(line, nameOf);
    if (item) yield item;
  }
}

function* syslogFiles(
  system: LinuxSystem,
  logs: readonly string[],
  request: CollectRequest,
): Generator<Item> {
  for (const log of logs) {
    try {
      yield* syslogItems(system.files, log, system.now());
    } catch (error) {
      request.problem(`/var/log/${log}`, (error as Error).message);
    }
  }
}
