import type { Clock } from '../../shared/clock.js';
import type { IocScanCommand } from '../../shared/gen/cordon/v1/command.js';
import type { Logger } from '../../shared/log.js';
import type { EventOutbox } from '../link/event-outbox.js';
import { eventIdOf, findingOf, type Finding } from './finding.js';
import type { Answer, FindingsLog } from './findings-log.js';
import { respond, type RespondParts } from './respond/respond.js';
import type { ScanMatch } from './scan-messages.js';

/** A scan reports no more (contract); a scan process that does is not listened to. */
const MOST_FINDINGS = 500;

export interface DeskParts {
  readonly clock: Clock;
  readonly log: Logger;
  readonly events: Pick<EventOutbox, 'addOnce' | 'hasRoom' | 'removals'>;
  readonly respond: RespondParts;
}

/** Lets a finding wait for room in the outbox, and tells whether there is hope. */
export interface Patience {
  /** Called when it begins to wait and when it has stopped waiting. */
  readonly waits: (waiting: boolean) => void;
  /** Aborted when nobody may wait any longer. The reason tells whether the finding is to be told all the same. */
  readonly signal: AbortSignal;
}

/** Reason of an abort after which nothing more is done: the next agent goes on. */
export const ABANDONED = 'abandoned';

/**
 * What happens to each match of a scan: it is on disk before anything is done about it, then come the responses, then the
 * event for the server, then it is done with. Whenever the agent ends in between, the next one goes on behind the last step
 * that is on disk; every step may be taken twice with the effect of once. Where the disk takes nothing, all of it is done
 * all the same, as far as that goes without: a full disk must not keep a computer from being isolated.
 */
export class DetectionDesk {
  constructor(private readonly parts: DeskParts) {}

  /** Resolves when the match is done with, or the agent ends. @throws Error of the file system: it could not be written down */
  async take(
    match: ScanMatch,
    command: IocScanCommand,
    commandId: string,
    findings: FindingsLog,
    patience: Patience,
  ): Promise<void> {
    const { clock, log } = this.parts;
    if (findings.isDone(match.key)) return;
    if (findings.count >= MOST_FINDINGS && !findings.isPending(match.key)) {
      log.error({ command: commandId }, 'a scan reports more than it may; the rest is not told');
      return;
    }
    const entry = findings.found(findingOf(match, command, commandId, clock.wall()));
    const { reason, file } = entry.finding;
    log.warn(
      { command: commandId, detection: eventIdOf(commandId, match.key), reason, file },
      'an indicator matched',
    );
    await this.finish(entry, findings, patience);
  }

  /** Goes on with what an earlier agent left. */
  async finishPending(findings: FindingsLog, patience: Patience): Promise<void> {
    for (const entry of findings.pending()) await this.finish(entry, findings, patience);
  }

  private async finish(
    entry: { readonly finding: Finding; readonly answer: Answer },
    findings: FindingsLog,
    patience: Patience,
  ): Promise<void> {
    const { finding } = entry;
    const { key, eventId, occurredAtMs, detection } = finding;
    const errors: unknown[] = [];
    const write = (work: () => void): void => {
      try {
        work();
      } catch (error) {
        errors.push(error);
      }
    };
    write(() => findings.save(key));
    for (const action of finding.actions) {
      if (entry.answer.outcomes.some((outcome) => outcome.action === action)) continue;
      const { outcome, isolationId } = await respond(action, finding, this.parts.respond);
      write(() => findings.answered(key, outcome, isolationId));
    }
    await this.untilRoom(patience);
    if (patience.signal.reason === ABANDONED) return;
    const { outcomes, isolationId } = entry.answer;
    const value = { ...detection, isolationId, responses: [...outcomes] };
    write(() => this.parts.events.addOnce(eventId, occurredAtMs, { $case: 'detectionFound', value }));
    if (errors.length > 0) throw errors[0];
    findings.done(key);
  }

  /** A detection waits rather than push another one out. */
  private async untilRoom({ waits, signal }: Patience): Promise<void> {
    const { events } = this.parts;
    if (events.hasRoom || signal.aborted) return;
    waits(true);
    await new Promise<void>((resolve) => {
      const subscription = events.removals.subscribe(() => {
        if (events.hasRoom) over();
      });
      const over = (): void => {
        subscription.unsubscribe();
        signal.removeEventListener('abort', over);
        resolve();
      };
      signal.addEventListener('abort', over);
    });
    waits(false);
  }
}
