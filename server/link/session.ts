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
import { IsolationState, ObservedIsolation } from '../../shared/gen/cordon/v1/isolation.js';
import type { CancelTimer, Clock } from '../../shared/clock.js';
import { newId } from '../../shared/ids.js';
import type { FewAtATime } from '../../shared/few-at-a-time.js';
import type { Logger } from '../../shared/log.js';
import { toDuration, toTimestamp } from '../../shared/time.js';
import { isFinal } from '../commands/command-rows.js';
import { storeUpdate } from '../commands/queue.js';
import { storeReport, type ReportedDevice } from '../desired/reports.js';
import type { DeviceCertificates } from '../identity/device-certificates.js';
import type { Store, Tx } from '../store/store.js';
import type { DeviceChanges } from './device-changes.js';
import { DocumentSender } from './document-sender.js';
import { storeEvent } from './events.js';
import { PROTOCOL_VERSION, checkHello, loadFenced, openStream } from './hello.js';
import type { SettingsReader } from '../desired/settings.js';
import { Offers } from './offers.js';
import { replaced, violation } from './refusals.js';
import type { Registry, Stream } from './registry.js';
import { Malformed, type Received, type Transport } from './transport.js';
import { Writer } from './writer.js';

/** Time that an agent has for its first message, milliseconds. */
const HELLO_WITHIN_MS = 15_000;
/** Unacknowledged events that an agent may have. */
const EVENT_CREDIT = 64;

export interface SessionDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Logger;
  readonly identity: DeviceCertificates;
  readonly registry: Registry;
  readonly changes: DeviceChanges;
  readonly settings: SettingsReader;
  /** Indicator documents on their way to all agents together. */
  readonly documents: FewAtATime;
  /** The time zone of a device has changed: its schedules are meant in another one. */
  readonly timeZoneChanged: (deviceId: string) => void;
  readonly heartbeatMs: number;
  readonly reconnectSpreadMs: number;
}

/** A device that was let in by its certificate. */
export interface Admitted {
  readonly deviceId: string;
  readonly fingerprint: string;
}

type Phase =
  | { readonly kind: 'awaiting-hello' }
  | { readonly kind: 'live'; readonly offers: Offers }
  | { readonly kind: 'ended' };

/**
 * One stream of one device. Lifetime: `receive` is called for one message at a time, the first of which must be Hello;
 * after Welcome the session is in the registry until `closed` is called, once, by whoever carries the stream. What goes out
 * passes the writer; what the device must be told is found by its offers.
 */
export class Session implements Stream {
  private phase: Phase = { kind: 'awaiting-hello' };
  private readonly writer: Writer;
  private readonly documents: DocumentSender;
  private readonly log: Logger;
  private received = 0n;
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
    this.writer = new Writer(transport, deps.clock, (error) => this.end(error));
    const { deviceId } = admitted;
    this.documents = new DocumentSender({ ...deps, log: this.log }, this.writer, deviceId, (error) =>
      this.end(error),
    );
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
    return this.phase.kind === 'live' ? this.phase.offers.generationSent : 0;
  }

  /** Handles one message, durably. @throws CordonError that the stream must end with */
  async receive(message: Received): Promise<void> {
    if (message instanceof Malformed) throw violation(`not a message of the contract: ${message.detail}`);
    if (message.seq !== this.received + 1n) {
      throw violation(`seq is ${message.seq}, expected ${this.received + 1n}`);
    }
    this.received = message.seq;
    switch (this.phase.kind) {
      case 'awaiting-hello':
        if (message.payload?.$case !== 'hello') throw violation('the first message must be Hello');
        this.helloTimer();
        await this.hello(message.payload.value);
        break;
      case 'live':
        this.confirmed = true;
        this.deps.registry.seen(this.deviceId);
        await this.dispatch(message, this.phase.offers);
        break;
      case 'ended':
        throw replaced();
    }
    this.writer.handled = message.seq;
    this.writer.pump();
  }

  /** The desired state may have changed. */
  pokeDesired(): void {
    if (this.phase.kind !== 'live') return;
    this.phase.offers.pokeDesired();
    void this.phase.offers.work();
  }

  /** The queue of commands may have changed. */
  pokeCommands(): void {
    if (this.phase.kind !== 'live') return;
    this.phase.offers.pokeCommands();
    void this.phase.offers.work();
  }

  /** Tells the agent that the server is about to stop. */
  drain(reconnectAfterMs: number, reason: string): void {
    this.writer.say({ $case: 'drain', value: { reconnectAfter: toDuration(reconnectAfterMs), reason } });
    this.writer.pump();
  }

  /** Ends the stream. */
  end(error: CordonError): void {
    if (this.phase.kind === 'ended') return;
    this.release();
    this.transport.end(toStatus(error));
  }

  /** The stream is gone, whoever ended it. */
  closed(): void {
    this.release();
  }

  private release(): void {
    if (this.phase.kind === 'ended') return;
    if (this.phase.kind === 'live') this.phase.offers.close();
    this.phase = { kind: 'ended' };
    this.helloTimer();
    this.documents.close();
    this.writer.close();
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
      return openStream(tx, hello, nextNonce, open, this.deps.settings, this.peer, now);
    });
    if (this.isEnded()) return;
    this.epoch = opened.epoch;
    if (hello.observed) this.observedHash = hashOf(hello.observed);
    if (opened.timeZoneChanged) this.deps.timeZoneChanged(this.deviceId);
    const offers = this.makeOffers(opened.upToDate ? opened.generation : 0, hello);
    this.phase = { kind: 'live', offers };
    if (!registry.add(this)) throw replaced();
    this.writer.say({ $case: 'welcome', value: this.welcome(nextNonce) });
    this.log.info(
      { epoch: this.epoch, agent: hello.agentVersion, upToDate: opened.upToDate },
      'agent connected',
    );
    if (!opened.upToDate) offers.pokeDesired();
    offers.pokeCommands();
    await offers.work();
  }

  private makeOffers(generationSent: number, hello: Hello): Offers {
    const { registry, ...deps } = this.deps;
    const delivered = (directiveId: string, at: number): void => registry.delivered(directiveId, at);
    return new Offers(
      { ...deps, log: this.log, delivered },
      this.writer,
      this.deviceId,
      hello,
      generationSent,
      hello.openCommandIds,
    );
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

  private async dispatch({ payload }: ConnectRequest, offers: Offers): Promise<void> {
    switch (payload?.$case) {
      case 'hello':
        throw violation('a second Hello');
      case 'stateReport':
        return this.stateReport(payload.value, offers);
      case 'commandUpdate':
        return this.commandUpdate(payload.value, offers);
      case 'event':
        return this.event(payload.value);
      case 'heartbeat':
        return this.heartbeat(payload.value);
      case 'certificateRequest':
        return this.certificateRequest(payload.value.csr);
      case 'iocDocumentRequest':
        return this.documents.request(payload.value.hashes);
      case 'goodbye':
        this.log.info({ reason: payload.value.reason.slice(0, 200) }, 'agent says goodbye');
        return;
      case undefined:
        throw violation('a message without a payload that this server knows');
    }
  }

  private async stateReport(report: StateReport, offers: Offers): Promise<void> {
    const { observed } = report;
    if (!observed) throw violation('state_report.observed is missing');
    const answers = offers.isAnswer(report.nonce);
    const moved = await this.fenced((tx, now, device) => storeReport(tx, device, report, answers, now));
    if (answers) offers.answered();
    this.observedHash = hashOf(observed);
    this.deps.changes.emit(this.deviceId);
    const held =
      observed.state === IsolationState.ISOLATION_STATE_ISOLATED ||
      observed.state === IsolationState.ISOLATION_STATE_DEGRADED;
    this.writer.say({
      $case: 'stateConfirmation',
      value: {
        observedGeneration: report.observedGeneration,
        isolationId: held ? observed.isolationId : '',
      },
    });
    if (moved) offers.pokeDesired();
    await offers.work();
  }

  private async commandUpdate(update: CommandUpdate, offers: Offers): Promise<void> {
    await this.fenced((tx, now) => storeUpdate(tx, this.deviceId, update, now));
    if (!isFinal(update.state)) return;
    offers.commandEnded(update.id);
    // Carries the ack that lets the agent forget the result.
    this.writer.say({ $case: 'eventAck', value: { eventIds: [] } });
  }

  private async event(event: AgentEvent): Promise<void> {
    await this.fenced((tx, now) => storeEvent(tx, this.deviceId, event, now));
    this.writer.say({ $case: 'eventAck', value: { eventIds: [event.id] } });
    this.deps.changes.emit(this.deviceId);
  }

  private heartbeat(heartbeat: Heartbeat): void {
    const known = heartbeat.observedHash.equals(this.observedHash);
    // Asked once for each hash: a report that this version cannot reproduce byte by byte is not asked for for ever.
    if (known || heartbeat.observedHash.equals(this.askedForHash)) return;
    this.askedForHash = heartbeat.observedHash;
    this.writer.say({ $case: 'reportFullState', value: {} });
  }

  private async certificateRequest(csr: Buffer): Promise<void> {
    try {
      const certificate = await this.fenced((tx, now) =>
        this.deps.identity.issueForStream(tx, this.deviceId, csr, now),
      );
      this.writer.say({ $case: 'certificateIssued', value: { certificate, error: '' } });
    } catch (error) {
      if (!(error instanceof CordonError) || error.code !== status.INVALID_ARGUMENT) throw error;
      this.log.warn({ reason: error.message }, 'certificate request refused');
      const certificate = Buffer.alloc(0);
      this.writer.say({ $case: 'certificateIssued', value: { certificate, error: error.message } });
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

  /** The phase may change while something is awaited; a method keeps the compiler from assuming otherwise. */
  private isEnded(): boolean {
    return this.phase.kind === 'ended';
  }
}

function hashOf(observed: ObservedIsolation): Buffer {
  return createHash('sha256').update(ObservedIsolation.encode(observed).finish()).digest();
}
