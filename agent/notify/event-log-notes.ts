import type { AgentEvent } from '../../shared/gen/cordon/v1/agent_service.js';
import { IsolationState, type ObservedIsolation } from '../../shared/gen/cordon/v1/isolation.js';
import type { Logger } from '../../shared/log.js';
import { cleanLine } from './clean.js';
import { messageOf } from './message.js';
import { newsIn, standingOf, type Standing } from './standing.js';

/** An entry of the operating system's event log. Its number is part of what people filter by: it never changes. */
export interface LogEntry {
  readonly id: number;
  readonly level: 'information' | 'warning' | 'error';
  readonly text: string;
}

/** Numbers of the entries; the system's own message table, which shows the text as it is, ends at 1000. */
export const ENTRY_IDS = {
  isolated: 100,
  changed: 101,
  released: 102,
  degraded: 200,
  tampered: 201,
} as const;

const LONGEST_DETAIL = 4000;

/**
 * Writes what becomes of the isolation into the operating system's event log. `note` throws nothing: no isolation waits for
 * a log.
 */
export class EventLogNotes {
  private told: Standing;
  private degraded: string;
  private complained = false;

  /** @param before what was observed when the agent ended: that is in the log already */
  constructor(
    before: ObservedIsolation,
    private readonly log: Logger,
    private readonly write: (entry: LogEntry) => void,
  ) {
    this.told = standingOf(before) ?? { kind: 'open' };
    this.degraded = degradedReason(before);
  }

  /** @param notificationText that of the settings in force; empty: none */
  note(event: NonNullable<AgentEvent['event']>, notificationText: string): void {
    for (const entry of this.entriesFor(event, notificationText)) {
      try {
        this.write(entry);
      } catch (error) {
        if (!this.complained) this.log.warn({ err: error }, 'the event log does not take entries');
        this.complained = true;
      }
    }
  }

  private entriesFor(event: NonNullable<AgentEvent['event']>, notificationText: string): LogEntry[] {
    switch (event.$case) {
      case 'isolationChanged':
        return event.value.observed ? this.changed(event.value.observed, notificationText) : [];
      case 'tamperDetected': {
        const { detail, restoredAt } = event.value;
        const outcome = restoredAt ? 'They are restored.' : 'They are not restored yet.';
        const text = `Somebody changed the rules of the network isolation. ${outcome}\r\n${cleanLine(detail, LONGEST_DETAIL)}`;
        return [{ id: ENTRY_IDS.tampered, level: 'warning', text }];
      }
      default:
        return [];
    }
  }

  private changed(observed: ObservedIsolation, notificationText: string): LogEntry[] {
    const entries: LogEntry[] = [];
    const news = newsIn(this.told, observed);
    if (news) {
      this.told = news.kind === 'released' ? { kind: 'open' } : news.now;
      const { title, lines } = messageOf(news, notificationText);
      const level = news.kind === 'released' ? 'information' : 'warning';
      entries.push({ id: ENTRY_IDS[news.kind], level, text: [title, '', ...lines].join('\r\n') });
    }
    const degraded = degradedReason(observed);
    if (degraded !== '' && degraded !== this.degraded) {
      // Without evidence nobody knows of anything that is in force.
      const what = observed.evidence
        ? 'holds in part only'
        : 'is not in force, or nobody knows whether it is';
      const text = `The network isolation of this computer ${what}.\r\n${cleanLine(degraded, LONGEST_DETAIL)}`;
      entries.push({ id: ENTRY_IDS.degraded, level: 'error', text });
    }
    this.degraded = degraded;
    return entries;
  }
}

/** Empty: not degraded. */
function degradedReason({ state, degradedReason: reason }: ObservedIsolation): string {
  return state === IsolationState.ISOLATION_STATE_DEGRADED ? reason || 'no reason is known' : '';
}
