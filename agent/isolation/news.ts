import { Subject, type Observable } from 'rxjs';
import type { AgentEvent } from '../../shared/gen/cordon/v1/agent_service.js';
import type { ObservedIsolation } from '../../shared/gen/cordon/v1/isolation.js';
import type { Logger } from '../../shared/log.js';
import { toTimestamp } from '../../shared/time.js';

/** Keeps an event until the server has it. */
export type Tell = (event: NonNullable<AgentEvent['event']>) => void;

/** What the isolation of this device has to tell: events that the server must get, and reports of what is observed now. */
export class News {
  private readonly changed = new Subject<void>();
  private answering = false;

  constructor(
    private readonly log: Logger,
    private readonly tell: Tell,
  ) {}

  /** Emits when the state changed without having been asked to by a desired state. */
  get changes(): Observable<void> {
    return this.changed;
  }

  /** The answer to a desired state says it all; a report beside it would say it twice. */
  async duringAnswer(work: () => Promise<void>): Promise<void> {
    this.answering = true;
    try {
      await work();
    } finally {
      this.answering = false;
    }
  }

  report(): void {
    if (!this.answering) this.changed.next();
  }

  isolationChanged(observed: ObservedIsolation): void {
    const { state, isolationId, degradedReason, evidence } = observed;
    const verification = evidence?.verification;
    this.log.info({ state, isolationId, degradedReason, verification }, 'the isolation changed');
    this.keep({ $case: 'isolationChanged', value: { observed } });
    this.report();
  }

  /** @param restoredAtMs wall clock, milliseconds since 1970; undefined: the rules are not restored yet */
  tampered(detail: string, restoredAtMs: number | undefined): void {
    const restored = restoredAtMs !== undefined;
    this.log.warn({ detail, restored }, 'somebody changed the rules of the isolation');
    const restoredAt = restored ? toTimestamp(restoredAtMs) : undefined;
    this.keep({ $case: 'tamperDetected', value: { detail, restoredAt } });
  }

  /** Nobody is told any more. */
  end(): void {
    this.changed.complete();
  }

  /** News that cannot be kept are no reason to stop looking after the isolation. */
  private keep(event: Parameters<Tell>[0]): void {
    try {
      this.tell(event);
    } catch (error) {
      this.log.error({ err: error }, 'an event cannot be saved; make room in the data folder');
    }
  }
}
