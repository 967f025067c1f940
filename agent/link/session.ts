import { createHash } from 'node:crypto';
import { Subscription } from 'rxjs';
import type { CancelTimer, Clock } from '../../shared/clock.js';
import {
  ApplyStatus,
  type AgentEvent,
  type ConnectRequest,
  type ConnectResponse,
  type DesiredState,
  type Drain,
  type Hello,
  type StateReport,
  type Welcome,
} from '../../shared/gen/cordon/v1/agent_service.js';
import { ObservedIsolation } from '../../shared/gen/cordon/v1/isolation.js';
import type { Logger } from '../../shared/log.js';
import { fromDuration } from '../../shared/time.js';
import type { CommandRunner } from '../commands/runner.js';
import { isFinal } from '../commands/journal.js';
import type { Documents } from '../detect/documents.js';
import type { Moment } from '../isolation/deadline.js';
import type { Answer, IsolationOwner } from '../isolation/owner.js';
import { DocumentRequests } from './document-requests.js';
import type { EventOutbox } from './event-outbox.js';
import { Outgoing } from './outgoing.js';
import { StreamError, type Transport } from './transport.js';

type Payload = NonNullable<ConnectRequest['payload']>;

const WELCOME_WITHIN_MS = 15_000;
/** How long the server has to end a stream that this side has finished. */
const FINISH_WITHIN_MS = 5_000;
const DEFAULT_HEARTBEAT_MS = 30_000;
const DEFAULT_EVENT_CREDIT = 64;

/** How a stream ended. */
export type SessionEnd =
  /** The server asked to come back after a time between this and twice this, milliseconds. */
  | { readonly kind: 'drained'; readonly afterMs: number }
  /** This side closed it. */
  | { readonly kind: 'closed' }
  | {
      readonly kind: 'lost';
      readonly reason: string;
      /** The server may not want this device: it is worth asking why. */
      readonly refused: boolean;
      readonly code: string;
    };

export interface SessionParts {
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Logger;
  readonly now: () => Moment;
  readonly owner: Pick<IsolationOwner, 'handle' | 'confirm' | 'observed' | 'appliedState' | 'changes'>;
  readonly commands: Pick<
    CommandRunner,
    'order' | 'cancel' | 'pause' | 'resume' | 'pending' | 'updates' | 'acknowledged'
  >;
  /** Absent: this agent does not scan. */
  readonly documents?: Pick<Documents, 'missing' | 'take' | 'refuse'> | undefined;
  readonly events: Pick<EventOutbox, 'pending' | 'acknowledge' | 'additions' | 'dropped'>;
  readonly hello: () => Hello;
  readonly welcomed: (welcome: Welcome) => void;
  /** A certificate came; empty error: it is one. */
  readonly certificate: (der: Buffer, error: string) => void;
}

/**
 * One stream to the server, from Hello to its end: `greeting` until Welcome, then `live`, `finishing` once this side has
 * nothing more to say. It owns its timers and subscriptions and ends them all when the stream ends.
 */
export class Session {
  readonly ended: Promise<SessionEnd>;
  private phase: 'greeting' | 'live' | 'finishing' | 'ended' = 'greeting';
  private settle: (end: SessionEnd) => void = () => undefined;
  private whenFinished: SessionEnd = { kind: 'closed' };
  private readonly outgoing: Outgoing;
  private readonly subscriptions = new Subscription();
  private deadline: CancelTimer;
  private heartbeat: CancelTimer | undefined;
  private received = 0n;
  private unknownMessages = 0;
  private observedHash: Buffer = Buffer.alloc(0);
  private applying = false;
  private waiting: { readonly desired: DesiredState; readonly receivedAt: Moment } | undefined;
  private credit = 0;
  private readonly unacknowledgedEvents = new Set<string>();
  private readonly finalUpdates = new Map<string, bigint>();
  private readonly documents: DocumentRequests | undefined;

  constructor(
    private readonly transport: Transport,
    private readonly parts: SessionParts,
  ) {
    this.ended = new Promise((resolve) => (this.settle = resolve));
    this.documents = parts.documents && new DocumentRequests(parts.documents);
    const sources = {
      report: () => this.report(0n, { status: ApplyStatus.APPLY_STATUS_UNSPECIFIED, violations: [] }),
      heartbeat: () => this.makeHeartbeat(),
      nextEvent: () => this.nextEvent(),
      documents: () => (this.phase === 'live' ? this.documents?.next() : undefined),
      sent: (payload: Payload, seq: bigint) => this.noteSent(payload, seq),
      stalled: () => this.fail('the server did not read for 30 s'),
    };
    this.outgoing = new Outgoing(transport, parts.clock, sources, () => this.received);
    this.deadline = parts.clock.after(WELCOME_WITHIN_MS, () => this.fail('no Welcome within 15 s'));
    const listening = transport.messages.subscribe({
      next: (message) => this.take(message),
      error: (error: unknown) => this.failWith(error),
      complete: () =>
        this.end(this.phase === 'finishing' ? this.whenFinished : lost('the server ended the stream')),
    });
    this.subscriptions.add(listening);
    if (this.phase === 'greeting') this.outgoing.say({ $case: 'hello', value: parts.hello() });
  }

  /** Leaves on purpose: says why, sends what is written, and ends. */
  close(reason: string): void {
    if (this.phase === 'live') this.outgoing.say({ $case: 'goodbye', value: { reason } });
    this.finish({ kind: 'closed' });
  }

  /** Asks for a certificate; the answer comes through `certificate`. Does nothing before Welcome. */
  requestCertificate(csr: Buffer): void {
    if (this.phase === 'live') this.outgoing.say({ $case: 'certificateRequest', value: { csr } });
  }

  /** A full disk, for one, ends the stream and not the agent: what was not handled comes again with the next one. */
  private take(message: ConnectResponse): void {
    try {
      this.receive(message);
    } catch (error) {
      this.parts.log.error({ err: error }, 'a message of the server could not be handled');
      this.fail('a message of the server could not be handled');
    }
  }

  private receive(message: ConnectResponse): void {
    if (this.phase === 'ended') return;
    if (message.seq !== this.received + 1n) {
      return this.fail(`the server sent message ${message.seq} after ${this.received}`);
    }
    const { payload } = message;
    if (this.phase === 'greeting' && payload?.$case !== 'welcome') {
      return this.fail('the first message of the server is not Welcome');
    }
    this.received = message.seq;
    this.noteAck(message.ack);
    switch (payload?.$case) {
      case 'welcome':
        return this.phase === 'greeting' ? this.onWelcome(payload.value) : this.fail('a second Welcome');
      case 'desiredState':
        this.waiting = { desired: payload.value, receivedAt: this.parts.now() };
        return void this.applyWaiting();
      case 'stateConfirmation':
        return void this.guard(this.parts.owner.confirm(payload.value.isolationId));
      case 'command':
        return this.parts.commands.order(payload.value);
      case 'cancelCommand':
        return this.parts.commands.cancel(payload.value.id);
      case 'pauseCommand':
        return this.parts.commands.pause(payload.value.id);
      case 'resumeCommand':
        return this.parts.commands.resume(payload.value.id);
      case 'iocDocumentContent':
        this.documents?.answer(payload.value);
        return this.outgoing.pump();
      case 'eventAck':
        return this.onEventAck(payload.value.eventIds);
      case 'reportFullState':
        return this.outgoing.sayReport();
      case 'certificateIssued':
        return this.parts.certificate(payload.value.certificate, payload.value.error);
      case 'drain':
        return this.onDrain(payload.value);
      case 'credit':
        this.credit += payload.value.events;
        return this.outgoing.pump();
      case undefined:
        this.unknownMessages += 1;
    }
  }

  private onWelcome(welcome: Welcome): void {
    this.phase = 'live';
    this.deadline();
    const { parts, subscriptions, outgoing } = this;
    this.credit = welcome.eventCredit || DEFAULT_EVENT_CREDIT;
    parts.welcomed(welcome);
    subscriptions.add(parts.owner.changes.subscribe(() => outgoing.sayReport()));
    subscriptions.add(parts.commands.updates.subscribe((update) => outgoing.sayUpdate(update)));
    subscriptions.add(parts.events.additions.subscribe(() => outgoing.pump()));
    for (const update of parts.commands.pending()) outgoing.sayUpdate(update);
    outgoing.pump();
    const interval = welcome.heartbeatInterval ? fromDuration(welcome.heartbeatInterval) : 0;
    this.scheduleHeartbeat(clamp(interval || DEFAULT_HEARTBEAT_MS, 1_000, 600_000), parts.random());
  }

  /** The first one after a random part of the interval, so that a fleet does not beat as one. */
  private scheduleHeartbeat(intervalMs: number, part: number): void {
    this.heartbeat = this.parts.clock.after(intervalMs * part, () => {
      this.outgoing.sayHeartbeat();
      this.scheduleHeartbeat(intervalMs, 1);
    });
  }

  /** One desired state at a time; while one is being carried out, only the newest of those that came waits. */
  private async applyWaiting(): Promise<void> {
    if (this.applying) return;
    this.applying = true;
    try {
      for (let next = this.waiting; next && this.phase !== 'ended'; next = this.waiting) {
        this.waiting = undefined;
        const answer = await this.parts.owner.handle(next.desired, next.receivedAt);
        this.outgoing.sayAnswer(this.report(next.desired.nonce, answer));
      }
    } catch (error) {
      this.parts.log.error({ err: error }, 'a desired state could not be handled (this is a bug)');
      this.fail('a desired state could not be handled');
    } finally {
      this.applying = false;
    }
    this.finishIfDone();
  }

  private report(nonce: bigint, { status, violations }: Answer): StateReport {
    const { owner } = this.parts;
    const observed = owner.observed();
    const applied = owner.appliedState;
    return {
      nonce,
      observedGeneration: applied?.generation ?? 0n,
      appliedHash: applied?.contentHash ?? Buffer.alloc(0),
      status,
      observed,
      violations: violations.map(({ field, description }) => ({ field, description })),
    };
  }

  private makeHeartbeat(): Payload {
    const { owner, events } = this.parts;
    const applied = owner.appliedState;
    const value = {
      observedGeneration: applied?.generation ?? 0n,
      appliedHash: applied?.contentHash ?? Buffer.alloc(0),
      observedHash: this.observedHash,
      droppedEvents: events.dropped,
      unknownMessages: this.unknownMessages,
    };
    return { $case: 'heartbeat', value };
  }

  private nextEvent(): AgentEvent | undefined {
    if (this.phase !== 'live' || this.unacknowledgedEvents.size >= this.credit) return undefined;
    for (const event of this.parts.events.pending()) {
      if (this.unacknowledgedEvents.has(event.id)) continue;
      this.unacknowledgedEvents.add(event.id);
      return event;
    }
    return undefined;
  }

  private onEventAck(ids: readonly string[]): void {
    this.parts.events.acknowledge(ids);
    for (const id of ids) this.unacknowledgedEvents.delete(id);
    this.outgoing.pump();
  }

  private noteSent(payload: Payload, seq: bigint): void {
    const observed =
      payload.$case === 'hello' || payload.$case === 'stateReport' ? payload.value.observed : undefined;
    if (observed) this.observedHash = hashOf(observed);
    if (payload.$case === 'commandUpdate' && isFinal(payload.value.state)) {
      this.finalUpdates.set(payload.value.id, seq);
    }
  }

  /** What the server has handled up to here is safe there: final steps of commands need not be said again. */
  private noteAck(ack: bigint): void {
    for (const [id, seq] of this.finalUpdates) {
      if (seq > ack) continue;
      this.finalUpdates.delete(id);
      this.parts.commands.acknowledged(id);
    }
  }

  private onDrain({ reconnectAfter, reason }: Drain): void {
    this.parts.log.info({ reason }, 'the server asks to come back later');
    const afterMs = reconnectAfter ? clamp(fromDuration(reconnectAfter), 0, 600_000) : 0;
    this.whenFinished = { kind: 'drained', afterMs };
    if (this.applying) return;
    this.finish(this.whenFinished);
  }

  /** A drain waits for the answer to what is being carried out. */
  private finishIfDone(): void {
    if (this.whenFinished.kind === 'drained' && this.phase === 'live') this.finish(this.whenFinished);
  }

  private finish(end: SessionEnd): void {
    if (this.phase === 'ended' || this.phase === 'finishing') return;
    this.phase = 'finishing';
    this.whenFinished = end;
    this.deadline();
    this.deadline = this.parts.clock.after(FINISH_WITHIN_MS, () => {
      this.transport.abort();
      this.end(end);
    });
    this.transport.finish();
  }

  private guard(work: Promise<void>): Promise<void> {
    return work.catch((error: unknown) => {
      this.parts.log.error({ err: error }, 'a message of the server could not be handled (this is a bug)');
      this.fail('a message of the server could not be handled');
    });
  }

  private failWith(error: unknown): void {
    if (this.phase === 'finishing') return this.end(this.whenFinished);
    const refused = error instanceof StreamError && error.refused;
    const code = error instanceof StreamError ? error.reason : '';
    this.end({ ...lost((error as Error).message), refused, code });
  }

  private fail(reason: string): void {
    if (this.phase === 'ended') return;
    this.transport.abort();
    this.end(this.phase === 'finishing' ? this.whenFinished : lost(reason));
  }

  private end(end: SessionEnd): void {
    if (this.phase === 'ended') return;
    this.phase = 'ended';
    this.deadline();
    this.heartbeat?.();
    this.outgoing.close();
    this.subscriptions.unsubscribe();
    this.settle(end);
  }
}

function lost(reason: string): Extract<SessionEnd, { kind: 'lost' }> {
  return { kind: 'lost', reason, refused: false, code: '' };
}

function hashOf(observed: ObservedIsolation): Buffer {
  return createHash('sha256').update(ObservedIsolation.encode(observed).finish()).digest();
}

const clamp = (value: number, low: number, high: number): number => Math.min(high, Math.max(low, value));
