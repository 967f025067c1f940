import { z } from 'zod';
import type { Item } from '../../item.js';
import { itemOf } from '../item-of.js';

/** Fields of `journalctl -o json`. A number is text; text that is not UTF-8 is its bytes; what is too long is null. */
const entrySchema = z.object({
  __REALTIME_TIMESTAMP: z.string().optional(),
  MESSAGE: z.unknown().optional(),
  _HOSTNAME: z.unknown().optional(),
  SYSLOG_IDENTIFIER: z.unknown().optional(),
  _COMM: z.unknown().optional(),
  _PID: z.unknown().optional(),
  _UID: z.unknown().optional(),
});
const FIELDS = Object.keys(entrySchema.shape).filter((name) => !name.startsWith('__'));

/**
 * Arguments that list the newest entries, newest first.
 * @param folder of journal files; undefined: those of this computer
 */
export function journalArguments(most: number, folder?: string): string[] {
  return [
    ...(folder === undefined ? [] : ['--directory', folder]),
    '--no-pager',
    '--reverse',
    '--output=json',
    `--output-fields=${FIELDS.join(',')}`,
    `--lines=${most}`,
  ];
}

/** A line of the journal; undefined for what is not one. */
export function journalItem(line: string, nameOf: (uid: number) => string): Item | undefined {
  const parsed = entrySchema.safeParse(jsonOf(line));
  if (!parsed.success) return undefined;
  const entry = parsed.data;
  const uid = textOf(entry._UID);
  const pid = textOf(entry._PID);
  return itemOf('EventLogItem', {
    log: 'journal',
    source: textOf(entry.SYSLOG_IDENTIFIER) ?? textOf(entry._COMM),
    message: textOf(entry.MESSAGE),
    genTime: Math.floor(Number(entry.__REALTIME_TIMESTAMP) / 1000),
    machine: textOf(entry._HOSTNAME),
    user: uid === undefined ? undefined : nameOf(Number(uid)),
    ExecutionProcessId: pid === undefined ? undefined : Number(pid),
  });
}

function textOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  if (!Array.isArray(value) || value.length === 0) return undefined;
  // A field that an entry has several times is a list of texts.
  return typeof value[0] === 'string' ? value[0] : Buffer.from(value as number[]).toString();
}

function jsonOf(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
