import { createHash, randomBytes } from 'node:crypto';
import { status } from '@grpc/grpc-js';
import { CordonError, toStatus } from '../../shared/errors.js';
import type {
  AgentEvent,
  CommandUpdate,
  ConnectRequest,
  Heartbeat,
  Hello,
  StateReport,
  Welcome,
} from '../../shared/gen/cordon/v1/agent_service.js';
import {
  IsolationState,
  ObservedIsolation,
  type IsolationSettings,
} from '../../shared/gen/cordon/v1/isolation.js';
import type { CancelTimer, Clock } from '../../shared/clock.js';
import { newId } from '../../shared/ids.js';
import type { Logger } from '../../shared/log.js';
import { toDuration, toTimestamp } from '../../shared/time.js';
import { isFinal, storeUpdate, takeForDelivery, cancellations } from '../commands/queue.js';
import { buildDesiredState } from '../desired/desired-state.js';
import { storeReport, type ReportedDevice } from '../desired/reports.js';
import type { DeviceCertificates } from '../identity/device-certificates.js';
import type { Store, Tx } from '../store/store.js';
import type { DeviceChanges } from './device-changes.js';
import { storeEvent } from './events.js';
import { PROTOCOL_VERSION, checkHello, loadFenced, openStream } from './hello.js';
import { Outbox, type Outgoing } from './outbox.js';
import { replaced, slowConsumer, violation } from './refusals.js';
import type { Registry, Stream } from './registry.js';
import { Malformed, type Received, type Transport } from './transport.js';

/** Time that an agent has for its first message, milliseconds. */
const HELLO_WITHIN_MS = 15_000;
/** A reader that does not drain for this long is cut and resumes, milliseconds (DESIGN 6.2). */
const DRAIN_WITHIN_MS = 30_000;
/** An answer that has not come after this long does not hold back a newer generation, milliseconds. */
const ANSWER_WITHIN_MS = 60_000;
/** Unacknowledged events that an agent may have. */
const EVENT_CREDIT = 64;

export interface SessionDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Logger;
  readonly identity: DeviceCertificates;
  readonly registry: Registry;
  readonly changes: DeviceChanges;
  /** Settings of manual isolation. */
  readonly settings: () => IsolationSettings;
  readonly heartbeatMs: number;
  readonly reconnectSpreadMs: number;
}

/** A device that was let in by its certificate. */
export interface Admitted {
  readonly deviceId: string;
  readonly fingerprint: string;
}

interface Outstanding {
  readonly nonce: bigint;
  readonly generation: number;
  readonly sentAt: number;
}

/**
 * One stream of one device. Lifetime: `receive` is called for one message at a time, the first of which must be Hello;
 * after Welcome the session is in the registry until `closed` is called, once, by whoever carries the stream. Everything
 * that goes out passes the outbox, so a slow agent costs a few slots and is cut after 30 s.
 */
export class Session implements Stream {
  private phase: 'awaiting-hello' | 'live' | 'ended' = 'awaiting-hello';
  private readonly outbox = new Outbox();
  private readonly log: Logger;
  private sequence = 0n;
  private received = 0n;
  private handled = 0n;
  private nonce = 0n;
  private blocked: CancelTimer | undefined;
  private outstanding: Outstanding | undefined;
  private desiredPoked = false;
  private commandsPoked = false;
  private syncing = false;
  private sentGeneration = 0;
  private readonly commandsOnDevice = new Set<string>();
  private observedHash: Buffer = Buffer.alloc(0);
  private askedForHash: Buffer = Buffer.alloc(0);
  private readonly helloTimer: CancelTimer;

  /** Number of this stream of the device; 0 before Hello. */
  epoch = 0;
  /** The agent has said something since Welcome. */
  confirmed = false;

  constructor(
    private readonly deps: SessionDeps,
    private readonly transport: Transport,
    private readonly admitted: Admitted,
  ) {
    this.log = deps.log.child({ device: admitted.deviceId, peer: transport.peer });
    transport.onWritable(() => this.writable());
    this.helloTimer = deps.clock.after(HELLO_WITHIN_MS, () =>
      this.end(violation(`no Hello within ${HELLO_WITHIN_MS / 1000} s`)),
    );
  }

  get deviceId(): string {
    return this.admitted.deviceId;
  }

  get peer(): string {
    return this.transport.peer;
  }

  /** Newest generation that was written to this stream or that the agent had when it came. */
  get generationSent(): number {
    return this.sentGeneration;
  }

  /** Handles one message, durably. @throws CordonError that the stream must end with */
  async receive(message: Received): Promise<void> {
    if (message instanceof Malformed) throw violation(`not a message of the contract: ${message.detail}`);
    if (message.seq !== this.received + 1n) {
      throw violation(`seq is ${message.seq}, expected ${this.received + 1n}`);
    }
    this.received = message.seq;
    if (this.phase === 'awaiting-hello') {
      if (message.payload?.$case !== 'hello') throw violation('the first message must be Hello');
      this.helloTimer();
      await this.hello(message.payload.value);
    } else {
      this.confirmed = true;
      this.deps.registry.seen(this.deviceId);
      await this.dispatch(message);
    }
    this.handled = message.seq;
    this.pump();
  }

  /** The desired state may have changed. */
  pokeDesired(): void {
    this.desiredPoked = true;
    void this.sync();
  }

  /** The queue of commands may have changed. */
  pokeCommands(): void {
    this.commandsPoked = true;
    void this.sync();
  }

  /** Tells the agent that the server is about to stop. */
  drain(reconnectAfterMs: number, reason: string): void {
    this.say({ $case: 'drain', value: { reconnectAfter: toDuration(reconnectAfterMs), reason } });
    this.pump();
  }

  /** Ends the stream. */
  end(error: CordonError): void {
    if (this.phase === 'ended') return;
    this.release();
    this.transport.end(toStatus(error));
  }

  /** The stream is gone, whoever ended it. */
  closed(): void {
    this.release();
  }

  private release(): void {
    if (this.phase === 'ended') return;
    this.phase = 'ended';
    this.helloTimer();
    this.blocked?.();
    this.deps.registry.remove(this);
  }

  private async hello(hello: Hello): Promise<void> {
    const { clock, store, registry, identity } = this.deps;
    checkHello(hello, this.deviceId);
    const nextNonce = randomBytes(16);
    const opened = await store.write(async (tx) => {
      const now = clock.wall();
      await identity.markCertificateUsed(tx, this.admitted.fingerprint, now);
      const open = registry.get(this.deviceId);
      return openStream(tx, hello, nextNonce, open, this.deps.settings(), this.peer, now);
    });
    if (this.isEnded()) return;
    this.epoch = opened.epoch;
    this.sentGeneration = opened.upToDate ? opened.generation : 0;
    for (const id of hello.openCommandIds) this.commandsOnDevice.add(id);
    if (hello.observed) this.observedHash = hashOf(hello.observed);
    this.phase = 'live';
    if (!registry.add(this)) throw replaced();
    this.say({ $case: 'welcome', value: this.welcome(nextNonce) });
    this.log.info(
      { epoch: this.epoch, agent: hello.agentVersion, upToDate: opened.upToDate },
      'agent connected',
    );
    this.desiredPoked = !opened.upToDate;
    this.commandsPoked = true;
    await this.sync();
  }

  private welcome(nextSessionNonce: Buffer): Welcome {
    const { clock, heartbeatMs, reconnectSpreadMs } = this.deps;
    return {
      sessionId: newId(),
      epoch: BigInt(this.epoch),
      protocol: PROTOCOL_VERSION,
      serverTime: toTimestamp(clock.wall()),
      heartbeatInterval: toDuration(heartbeatMs),
      reconnect: {
        spread: toDuration(reconnectSpreadMs),
        minBackoff: toDuration(1_000),
        maxBackoff: toDuration(300_000),
        healthyAfter: toDuration(60_000),
      },
      eventCredit: EVENT_CREDIT,
      nextSessionNonce,
      agentEndpoints: [],
    };
  }

  private async dispatch(message: ConnectRequest): Promise<void> {
    const { payload } = message;
    switch (payload?.$case) {
      case 'hello':
        throw violation('a second Hello');
      case 'stateReport':
        return this.stateReport(payload.value);
      case 'commandUpdate':
        return this.commandUpdate(payload.value);
      case 'event':
        return this.event(payload.value);
      case 'heartbeat':
        return this.heartbeat(payload.value);
      case 'certificateRequest':
        return this.certificateRequest(payload.value.csr);
      case 'goodbye':
        this.log.info({ reason: payload.value.reason.slice(0, 200) }, 'agent says goodbye');
        return;
      case undefined:
        throw violation('a message without a payload that this server knows');
    }
  }

  private async stateReport(report: StateReport): Promise<void> {
    const { observed } = report;
    if (!observed) throw violation('state_report.observed is missing');
    const answers = this.outstanding !== undefined && report.nonce === this.outstanding.nonce;
    const moved = await this.fenced((tx, now, device) => storeReport(tx, device, report, answers, now));
    if (answers) this.outstanding = undefined;
    this.observedHash = hashOf(observed);
    this.deps.changes.emit(this.deviceId);
    const held =
      observed.state === IsolationState.ISOLATION_STATE_ISOLATED ||
      observed.state === IsolationState.ISOLATION_STATE_DEGRADED;
    this.say({
      $case: 'stateConfirmation',
      value: {
        observedGeneration: report.observedGeneration,
        isolationId: held ? observed.isolationId : '',
      },
    });
    if (moved) this.desiredPoked = true;
    await this.sync();
  }

  private async commandUpdate(update: CommandUpdate): Promise<void> {
    await this.fenced((tx, now) => storeUpdate(tx, this.deviceId, update, now));
    if (!isFinal(update.state)) return;
    this.commandsOnDevice.delete(update.id);
    // Carries the ack that lets the agent forget the result.
    this.say({ $case: 'eventAck', value: { eventIds: [] } });
  }

  private async event(event: AgentEvent): Promise<void> {
    await this.fenced((tx, now) => storeEvent(tx, this.deviceId, event, now));
    this.say({ $case: 'eventAck', value: { eventIds: [event.id] } });
    this.deps.changes.emit(this.deviceId);
  }

  private heartbeat(heartbeat: Heartbeat): void {
    const known = heartbeat.observedHash.equals(this.observedHash);
    // Asked once for each hash: a report that this version cannot reproduce byte by byte is not asked for for ever.
    if (known || heartbeat.observedHash.equals(this.askedForHash)) return;
    this.askedForHash = heartbeat.observedHash;
    this.say({ $case: 'reportFullState', value: {} });
  }

  private async certificateRequest(csr: Buffer): Promise<void> {
    try {
      const certificate = await this.fenced((tx, now) =>
        this.deps.identity.issueForStream(tx, this.deviceId, csr, now),
      );
      this.say({ $case: 'certificateIssued', value: { certificate, error: '' } });
    } catch (error) {
      if (!(error instanceof CordonError) || error.code !== status.INVALID_ARGUMENT) throw error;
      this.log.warn({ reason: error.message }, 'certificate request refused');
      const certificate = Buffer.alloc(0);
      this.say({ $case: 'certificateIssued', value: { certificate, error: error.message } });
    }
  }

  /** Runs a change in a transaction that is refused if a newer stream of the device has taken over. */
  private fenced<Result>(
    change: (tx: Tx, now: number, device: ReportedDevice) => Promise<Result>,
  ): Promise<Result> {
    return this.deps.store.write(async (tx) => {
      const device = await loadFenced(tx, this.deviceId, this.epoch);
      return change(tx, this.deps.clock.wall(), device);
    });
  }

  /** Fills the outbox with what was poked, one read at a time. */
  private async sync(): Promise<void> {
    if (this.syncing) return;
    this.syncing = true;
    try {
      while (this.phase === 'live' && (this.mayOfferDesired() || this.commandsPoked)) {
        if (this.mayOfferDesired()) await this.offerDesired();
        if (this.commandsPoked) await this.offerCommands();
      }
    } catch (error) {
      this.log.error({ err: error }, 'the desired state could not be read; the sweep tries again');
    } finally {
      this.syncing = false;
    }
    this.pump();
  }

  private mayOfferDesired(): boolean {
    if (!this.desiredPoked) return false;
    const { outstanding } = this;
    return outstanding === undefined || this.deps.clock.wall() - outstanding.sentAt > ANSWER_WITHIN_MS;
  }

  private async offerDesired(): Promise<void> {
    this.desiredPoked = false;
    const row = await this.deps.store.read
      .selectFrom('devices')
      .select(['generation', 'directive_proto'])
      .where('id', '=', this.deviceId)
      .executeTakeFirst();
    if (!row || Number(row.generation) <= this.sentGeneration) return;
    const state = buildDesiredState(row, this.deps.settings());
    const generation = Number(row.generation);
    const sentAt = this.deps.clock.wall();
    this.outstanding = { nonce: ++this.nonce, generation, sentAt };
    this.sentGeneration = generation;
    this.outbox.setDesired({ $case: 'desiredState', value: { ...state, nonce: this.nonce } });
    if (state.directive) this.deps.registry.delivered(state.directive.id, sentAt);
  }

  private async offerCommands(): Promise<void> {
    this.commandsPoked = false;
    const cancelled = await cancellations(this.deps.store.read, this.deviceId);
    for (const id of cancelled) {
      if (this.commandsOnDevice.has(id)) this.say({ $case: 'cancelCommand', value: { id } });
    }
    const orders = await this.deps.store.write((tx) =>
      takeForDelivery(tx, this.deviceId, this.commandsOnDevice, this.deps.clock.wall()),
    );
    for (const order of orders) this.commandsOnDevice.add(order.id);
    this.outbox.addCommands(orders.map((value) => ({ $case: 'command', value })));
  }

  /** Puts a control message into the outbox; `pump` writes it. */
  private say(message: Outgoing): void {
    if (this.phase !== 'live') return;
    if (!this.outbox.pushControl(message)) this.end(slowConsumer('does not read its acknowledgements'));
  }

  private pump(): void {
    if (this.phase !== 'live') return;
    while (!this.blocked) {
      const payload = this.outbox.next();
      if (!payload) return;
      const message = { seq: ++this.sequence, ack: this.handled, payload };
      if (!this.transport.send(message)) {
        this.blocked = this.deps.clock.after(DRAIN_WITHIN_MS, () =>
          this.end(slowConsumer(`did not read for ${DRAIN_WITHIN_MS / 1000} s`)),
        );
      }
    }
  }

  private writable(): void {
    this.blocked?.();
    this.blocked = undefined;
    this.pump();
  }

  /** The phase may change while something is awaited; a method keeps the compiler from assuming otherwise. */
  private isEnded(): boolean {
    return this.phase === 'ended';
  }
}

function hashOf(observed: ObservedIsolation): Buffer {
  return createHash('sha256').update(ObservedIsolation.encode(observed).finish()).digest();
}
