import type { Item } from '../../item.js';
import { itemOf } from '../item-of.js';
import type { SystemFiles } from './system-files.js';

/** Files that syslog daemons write, by distribution. */
export const SYSLOG_FILES = [
  'syslog',
  'messages',
  'auth.log',
  'secure',
  'kern.log',
  'daemon.log',
  'user.log',
  'cron',
  'cron.log',
] as const;

/** Newest part of each file that is looked at. */
const TAIL_BYTES = 16 * 1024 * 1024;
const PIECE_BYTES = 256 * 1024;
const LONGEST_LINE = 64 * 1024;

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const OLD_TIME = /^([A-Z][a-z]{2}) +(\d{1,2}) (\d{2}):(\d{2}):(\d{2}) /;
const NEW_TIME = /^(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-]\d{2}:\d{2})) /;
const REST = /^(\S+) ([^\s:[]+)(?:\[(\d+)\])?: ?(.*)$/;

/** Lines of a log below /var/log, oldest first. A line in a form of its own is only a message. */
export function* syslogItems(files: SystemFiles, name: string, now: number): Generator<Item> {
  for (const line of lastLines(files, `/var/log/${name}`)) yield syslogItem(line, name, now);
}

/** @param now for the year, which the old form of a line does not have */
export function syslogItem(line: string, log: string, now: number): Item {
  const time = timeOf(line, now);
  const found = time && REST.exec(line.slice(time.length));
  if (!found) return itemOf('EventLogItem', { log, message: line });
  const [, machine, source, pid, message] = found;
  return itemOf('EventLogItem', {
    log,
    genTime: time.at,
    machine,
    source,
    ExecutionProcessId: pid === undefined ? undefined : Number(pid),
    message,
  });
}

function timeOf(line: string, now: number): { readonly at: number; readonly length: number } | undefined {
  const iso = NEW_TIME.exec(line);
  if (iso) return { at: Date.parse(iso[1] ?? ''), length: iso[0].length };
  const old = OLD_TIME.exec(line);
  if (!old) return undefined;
  const [whole, month = '', ...numbers] = old;
  const [day = 0, hour = 0, minute = 0, second = 0] = numbers.map(Number);
  const inYear = (year: number): number =>
    new Date(year, MONTHS.indexOf(month), day, hour, minute, second).getTime();
  const year = new Date(now).getFullYear();
  // A line from the future was written last year; a day is left for clocks that differ.
  const at = inYear(year) > now + 86_400_000 ? inYear(year - 1) : inYear(year);
  return { at, length: whole.length };
}

function* lastLines(files: SystemFiles, path: string): Generator<string> {
  const size = files.size(path) ?? 0;
  const start = Math.max(0, size - TAIL_BYTES);
  let begun = Buffer.alloc(0);
  // The first line of a piece out of the middle is not whole.
  let whole = start === 0;
  for (let at = start; at < size; at += PIECE_BYTES) {
    const piece = files.bytes(path, at, Math.min(PIECE_BYTES, size - at));
    if (!piece || piece.length === 0) return;
    begun = Buffer.concat([begun, piece]);
    for (let end = begun.indexOf(10); end !== -1; end = begun.indexOf(10)) {
      if (whole && end > 0 && end <= LONGEST_LINE) yield begun.subarray(0, end).toString();
      whole = true;
      begun = begun.subarray(end + 1);
    }
    if (begun.length > LONGEST_LINE) {
      begun = Buffer.alloc(0);
      whole = false;
    }
  }
  if (whole && begun.length > 0) yield begun.toString();
}
