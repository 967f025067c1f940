import type { CancelTimer, Clock } from '../../shared/clock.js';
import type {
  AgentEvent,
  CommandUpdate,
  ConnectRequest,
  IocDocumentRequest,
  StateReport,
} from '../../shared/gen/cordon/v1/agent_service.js';
import type { Subscription } from 'rxjs';
import type { Transport } from './transport.js';

type Payload = NonNullable<ConnectRequest['payload']>;

/** A server that does not read for this long is given up. */
const STALLED_AFTER_MS = 30_000;
/** Messages that cannot be conflated: Hello, a certificate request, Goodbye. */
const CONTROL_LIMIT = 8;

/** What there is to say, made when its turn comes, so that it is never stale. */
export interface Sources {
  readonly report: () => StateReport;
  readonly heartbeat: () => Payload;
  /** The next event that may be sent; undefined: none, or no credit. */
  readonly nextEvent: () => AgentEvent | undefined;
  /** Documents to ask for now; undefined: none. */
  readonly documents: () => IocDocumentRequest | undefined;
  /** A message went out with this number. */
  readonly sent: (payload: Payload, seq: bigint) => void;
  readonly stalled: () => void;
}

/** One slot for each kind of message: a slow server makes news newer, never the queue longer. */
export class Outgoing {
  private seq = 0n;
  private readonly control: Payload[] = [];
  private answer: StateReport | undefined;
  private reportWaits = false;
  private heartbeatWaits = false;
  private readonly updates = new Map<string, CommandUpdate>();
  private room = true;
  private closed = false;
  private stallTimer: CancelTimer | undefined;
  private readonly drains: Subscription;

  /** @param ack highest number of the other side that has been handled */
  constructor(
    private readonly transport: Transport,
    private readonly clock: Clock,
    private readonly sources: Sources,
    private readonly ack: () => bigint,
  ) {
    this.drains = transport.drained.subscribe(() => {
      this.room = true;
      this.stallTimer?.();
      this.pump();
    });
  }

  say(payload: Payload): void {
    if (this.control.length < CONTROL_LIMIT) this.control.push(payload);
    this.pump();
  }

  /** The answer to the newest desired state; it says everything that a waiting report would. */
  sayAnswer(report: StateReport): void {
    this.answer = report;
    this.reportWaits = false;
    this.pump();
  }

  sayReport(): void {
    this.reportWaits = true;
    this.pump();
  }

  sayHeartbeat(): void {
    this.heartbeatWaits = true;
    this.pump();
  }

  /** A newer step of a command takes the place of one that still waits. */
  sayUpdate(update: CommandUpdate): void {
    this.updates.set(update.id, update);
    this.pump();
  }

  /** Sends what there is room for. */
  pump(): void {
    while (this.room && !this.closed) {
      const payload = this.next();
      if (!payload) return;
      this.seq += 1n;
      this.sources.sent(payload, this.seq);
      this.room = this.transport.send({ seq: this.seq, ack: this.ack(), payload });
      if (!this.room) this.stallTimer = this.clock.after(STALLED_AFTER_MS, this.sources.stalled);
    }
  }

  close(): void {
    this.closed = true;
    this.stallTimer?.();
    this.drains.unsubscribe();
  }

  private next(): Payload | undefined {
    const control = this.control.shift();
    if (control) return control;
    if (this.answer) {
      const value = this.answer;
      this.answer = undefined;
      return { $case: 'stateReport', value };
    }
    if (this.reportWaits) {
      this.reportWaits = false;
      return { $case: 'stateReport', value: this.sources.report() };
    }
    const [update] = this.updates.values();
    if (update) {
      this.updates.delete(update.id);
      return { $case: 'commandUpdate', value: update };
    }
    const documents = this.sources.documents();
    if (documents) return { $case: 'iocDocumentRequest', value: documents };
    const event = this.sources.nextEvent();
    if (event) return { $case: 'event', value: event };
    if (!this.heartbeatWaits) return undefined;
    this.heartbeatWaits = false;
    return this.sources.heartbeat();
  }
}
