import { setImmediate } from 'node:timers/promises';
import type { Collector, CollectRequest, Item } from '../../item.js';
import { collector, type Asks } from '../collector.js';
import { itemOf } from '../item-of.js';
import { Accounts } from './accounts.js';
import { eventLogCalls, type EventLogCalls, type EventReader } from './event-log-calls.js';
import { readEvent, type WindowsEvent } from './event-xml.js';
import { notHere, orNotHere, reasonOf } from './not-here.js';

/** Events of one log that are looked at, the newest ones. */
const MOST_EVENTS = 5_000;
/** Logs that documents name, looked at beside the fixed ones. */
const MOST_NAMED = 50;
/** Events that are looked at before other work gets its turn. */
const SLICE = 50;

/** Every Windows has them. */
const LOGS = ['Application', 'System', 'Security'];
/** Of parts that not every Windows has: one that is not there has no events. */
const LOGS_OF_PARTS = [
  'Windows PowerShell',
  'Microsoft-Windows-PowerShell/Operational',
  'Microsoft-Windows-TaskScheduler/Operational',
  'Microsoft-Windows-Windows Defender/Operational',
  'Microsoft-Windows-TerminalServices-LocalSessionManager/Operational',
  'Microsoft-Windows-WMI-Activity/Operational',
  'Microsoft-Windows-Sysmon/Operational',
];

/** Bits of an event's keywords that say how an audited action ended. */
const AUDIT_SUCCESS = 1n << 53n;
const AUDIT_FAILURE = 1n << 52n;
/** Levels as the Event Viewer shows them, in the order of their numbers. */
const LEVELS = ['Information', 'Critical', 'Error', 'Warning', 'Information', 'Verbose'];

/**
 * The newest events of some logs, and of those that documents name.
 * @param open calls to the logs; default: those of this computer
 */
export function eventLogCollector(open: () => Promise<EventLogCalls> = eventLogCalls): Collector {
  return collector({
    type: 'EventLogItem',
    properties: [
      'EID',
      'log',
      'index',
      'type',
      'categoryNum',
      'genTime',
      'writeTime',
      'source',
      'machine',
      'user',
      'message',
      'ExecutionProcessId',
      'ExecutionThreadId',
    ],
    most: 1_000_000,
    list: async function* (request, asks) {
      const calls = await orNotHere(open());
      const accounts = new Accounts();
      for (const log of logsOf(request)) {
        let reader: EventReader | undefined;
        try {
          reader = calls.open(log);
          if (reader) yield* eventsOf(reader, log, { request, asks, accounts });
          else if (LOGS.includes(log)) request.problem(`log ${log}`, notHere('there is no such log').message);
        } catch (error) {
          request.problem(`log ${log}`, notHere(reasonOf(error)).message);
        } finally {
          reader?.close();
        }
      }
    },
  });
}

function logsOf({ literals, problem }: CollectRequest): string[] {
  const named = literals.get('EventLogItem/log') ?? [];
  if (named.length > MOST_NAMED) {
    problem('EventLogItem/log', `documents name ${named.length} logs; the first ${MOST_NAMED} are looked at`);
  }
  const known = [...LOGS, ...LOGS_OF_PARTS];
  const folded = new Set(known.map((log) => log.toLowerCase()));
  return [...known, ...named.slice(0, MOST_NAMED).filter((log) => !folded.has(log.toLowerCase()))];
}

interface Look {
  readonly request: CollectRequest;
  readonly asks: Asks;
  readonly accounts: Accounts;
}

async function* eventsOf(
  reader: EventReader,
  log: string,
  { request, asks, accounts }: Look,
): AsyncGenerator<Item> {
  for (let count = 0; ; count += 1) {
    const next = reader.next();
    if (next === undefined) return;
    if (count === MOST_EVENTS) {
      request.problem(`log ${log}`, `only the newest ${MOST_EVENTS} events were looked at`);
      return;
    }
    if (count % SLICE === SLICE - 1) await setImmediate();
    let event: WindowsEvent;
    try {
      event = readEvent(next.xml);
    } catch (error) {
      request.problem(`log ${log}`, `an event cannot be read: ${reasonOf(error)}`);
      continue;
    }
    const message = asks('message') ? next.message(event.source) : '';
    yield itemOf('EventLogItem', {
      ...ofEvent(event, log),
      // What the source put in is there where its text for people is not.
      message: asks('message') ? [message, ...event.data] : undefined,
      user:
        asks('user') && event.user !== '' ? [event.user, ...(await accounts.namesOf(event.user))] : undefined,
    });
  }
}

function ofEvent(event: WindowsEvent, log: string) {
  return {
    EID: event.id,
    log: event.log === '' ? log : event.log,
    index: event.index,
    type: typeOf(event),
    categoryNum: event.task,
    genTime: event.time,
    writeTime: event.time,
    source: event.source,
    machine: event.computer,
    ExecutionProcessId: event.processId,
    ExecutionThreadId: event.threadId,
  };
}

function typeOf({ keywords, level }: WindowsEvent): string | undefined {
  if ((keywords & AUDIT_SUCCESS) !== 0n) return 'Audit Success';
  if ((keywords & AUDIT_FAILURE) !== 0n) return 'Audit Failure';
  return level === undefined ? undefined : LEVELS[level];
}
