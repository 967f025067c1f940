import { IsolationEndCause, IsolationMode } from '../../shared/gen/cordon/v1/isolation.js';
import { cleanLine, cleanText } from './clean.js';
import type { News, Standing } from './standing.js';

/** What people read: plain text, without anything that a terminal would obey. */
export interface Message {
  readonly title: string;
  readonly lines: readonly string[];
}

/** A reason is at most that long in the contract, characters; one from a local detector is cut. */
const LONGEST_REASON = 1000;
/** IsolationSettings.notification_text. */
const LONGEST_TEXT = 2000;

const DEFAULT_TEXT =
  'Programs on this computer cannot reach the network, and nobody can reach them. Your files are not affected.';

/**
 * @param notificationText that of the settings in force; empty: a default takes its place
 * @param timeZone for the end; absent: that of the computer
 */
export function messageOf(news: News, notificationText: string, timeZone?: string): Message {
  switch (news.kind) {
    case 'isolated':
    case 'changed': {
      const own = cleanText(notificationText, LONGEST_TEXT);
      return {
        title:
          news.kind === 'isolated'
            ? 'This computer is isolated from the network'
            : 'The network isolation of this computer has changed',
        lines: [...(own.length > 0 ? own : [DEFAULT_TEXT]), ...facts(news.now, timeZone)],
      };
    }
    case 'released':
      return {
        title: 'This computer is back on the network',
        lines: [`The network isolation has ended: ${CAUSES[news.cause]}.`],
      };
  }
}

function facts(now: Extract<Standing, { kind: 'isolated' }>, timeZone: string | undefined): string[] {
  const who = cleanLine(now.requestedBy, LONGEST_REASON);
  const asked =
    now.mode === IsolationMode.ISOLATION_MODE_AUTOMATIC
      ? `Isolated automatically by: ${who}`
      : `Isolated by: ${who}`;
  return [
    `Reason: ${cleanLine(now.reason, LONGEST_REASON)}`,
    ...(who === '' ? [] : [asked]),
    now.untilMs === undefined ? 'Until: somebody releases it' : `Until: ${localTime(now.untilMs, timeZone)}`,
  ];
}

function localTime(wallMs: number, timeZone: string | undefined): string {
  const format = new Intl.DateTimeFormat('en-GB', {
    weekday: 'long',
    day: 'numeric',
    month: 'long',
    year: 'numeric',
    hour: '2-digit',
    minute: '2-digit',
    timeZoneName: 'short',
    ...(timeZone === undefined ? {} : { timeZone }),
  });
  return format.format(wallMs);
}

const CAUSES: Readonly<Record<IsolationEndCause, string>> = {
  [IsolationEndCause.ISOLATION_END_CAUSE_UNSPECIFIED]: 'it was released',
  [IsolationEndCause.UNRECOGNIZED]: 'it was released',
  [IsolationEndCause.ISOLATION_END_CAUSE_OPERATOR]: 'an operator released it',
  [IsolationEndCause.ISOLATION_END_CAUSE_DEADLINE]: 'its time is up',
  [IsolationEndCause.ISOLATION_END_CAUSE_LOCAL]: 'it was released on this computer',
  [IsolationEndCause.ISOLATION_END_CAUSE_OFFLINE_CODE]: 'it was released with an offline code',
  [IsolationEndCause.ISOLATION_END_CAUSE_UNCONFIRMED]: 'the management server did not confirm it',
  [IsolationEndCause.ISOLATION_END_CAUSE_SERVER_LOSS]: 'the management server was out of reach for too long',
  [IsolationEndCause.ISOLATION_END_CAUSE_REPLACED]: 'another one took its place',
  [IsolationEndCause.ISOLATION_END_CAUSE_DEVICE_REMOVED]: 'the computer was removed from the server',
};
