import { reconnectDelay, defaultReconnect, type ReconnectSettings } from '../../shared/backoff.js';
import type { CancelTimer } from '../../shared/clock.js';
import { EnrollmentStatus } from '../../shared/gen/cordon/v1/enrollment_service.js';
import type { Hello, Welcome } from '../../shared/gen/cordon/v1/agent_service.js';
import type { Duration } from '../../shared/gen/google/protobuf/duration.js';
import { fromDuration } from '../../shared/time.js';
import type { Endpoint } from '../enforce/plan.js';
import type { Credentials, Slot } from '../identity/files.js';
import type { Identity } from '../identity/identity.js';
import type { ManagementPort } from '../identity/management-port.js';
import type { IsolationOwner } from '../isolation/owner.js';
import type { ServerAddresses } from './server-addresses.js';
import { Session, type SessionEnd, type SessionParts } from './session.js';
import { StreamError, type Transport } from './transport.js';

export type Dial = (endpoint: Endpoint, credentials: Credentials) => Promise<Transport>;

/** How often, at most, the management port is asked why the stream is refused. */
const ASK_EVERY_MS = 300_000;
/** A stream that was ended to try a new certificate is replaced within this. */
const SWITCH_WITHIN_MS = 1_000;

export interface LinkParts extends Omit<SessionParts, 'hello' | 'welcomed' | 'certificate' | 'owner'> {
  readonly owner: SessionParts['owner'] & Pick<IsolationOwner, 'serverSeen' | 'isolated'>;
  readonly identity: Identity;
  readonly addresses: ServerAddresses;
  readonly dial: Dial;
  readonly management: (endpoint: Endpoint, ca: readonly Buffer[]) => ManagementPort;
  /** @param nonce `next_session_nonce` of the last Welcome; empty: none yet */
  readonly hello: (nonce: Buffer) => Hello;
  /** The server has let this device in. */
  readonly welcomed: (welcome: Welcome) => void;
}

/**
 * Keeps a stream to the server: dials, runs a session until it ends, waits, and dials again, for as long as the agent
 * lives. Nothing that a server says or fails to say makes it give up.
 */
export class Link {
  private session: Session | undefined;
  private settings: ReconnectSettings = defaultReconnect;
  private nonce: Buffer = Buffer.alloc(0);
  private failures = 0;
  private welcomedAtMs: number | undefined;
  private askedAtMs = -Infinity;
  private stopping = false;
  private cancelWait: (() => void) | undefined;
  private renewal: CancelTimer | undefined;
  private running: Promise<void> = Promise.resolve();

  constructor(private readonly parts: LinkParts) {}

  /** Whether the server has let this device in and the stream stands. */
  get connected(): boolean {
    return this.welcomedAtMs !== undefined;
  }

  start(): void {
    this.running = this.run();
  }

  /** Says goodbye and ends. Resolves when nothing runs any more. */
  async stop(reason: string): Promise<void> {
    this.stopping = true;
    this.cancelWait?.();
    this.session?.close(reason);
    await this.running;
  }

  private async run(): Promise<void> {
    while (!this.stopping) {
      let end: SessionEnd;
      try {
        end = await this.attempt();
      } catch (error) {
        const refused = error instanceof StreamError && error.refused;
        end = { kind: 'lost', reason: (error as Error).message, refused, code: '' };
      }
      const delay = this.delayAfter(end);
      if (this.stopping) return;
      this.note(end, delay);
      await this.parts.owner.serverSeen(false);
      if (end.kind === 'lost' && end.refused) await this.askWhy();
      await this.wait(delay);
    }
  }

  /** One connection, from the names to its end. */
  private async attempt(): Promise<SessionEnd> {
    const { owner, addresses, identity, dial, log } = this.parts;
    // While isolated no name is looked up: what was pinned before is what the packet filter lets through.
    if (!owner.isolated) await addresses.refresh();
    if (identity.expired(this.parts.clock.wall())) await this.renewExpired();
    const endpoints = addresses.agentEndpoints();
    if (endpoints.length === 0) throw new Error('the name of the server has no address');
    const { slot, credentials } = identity.forConnection();
    let failure: unknown;
    for (const endpoint of endpoints) {
      if (this.stopping) return { kind: 'closed' };
      try {
        const transport = await dial(endpoint, credentials);
        return await this.converse(transport, slot);
      } catch (error) {
        failure = error;
        log.debug({ err: error, endpoint }, 'no connection');
      }
    }
    throw failure;
  }

  private async converse(transport: Transport, slot: Slot): Promise<SessionEnd> {
    const { parts } = this;
    const session = new Session(transport, {
      ...parts,
      hello: () => parts.hello(this.nonce),
      welcomed: (welcome) => this.onWelcome(welcome, slot),
      certificate: (der, error) => this.onCertificate(der, error),
    });
    this.session = session;
    if (this.stopping) session.close('the agent stops');
    const end = await session.ended;
    this.session = undefined;
    this.renewal?.();
    return end;
  }

  private onWelcome(welcome: Welcome, slot: Slot): void {
    const { clock, identity, addresses, owner, log } = this.parts;
    this.welcomedAtMs = clock.sinceBoot();
    this.nonce = welcome.nextSessionNonce;
    this.settings = settingsFrom(welcome);
    identity.worked(slot, clock.wall());
    addresses.learn(welcome.agentEndpoints.filter(({ port }) => port >= 1 && port <= 65_535));
    this.parts.welcomed(welcome);
    void owner.serverSeen(true);
    log.info({ session: welcome.sessionId, epoch: welcome.epoch.toString() }, 'connected to the server');
    this.scheduleRenewal();
  }

  private scheduleRenewal(): void {
    const { clock, identity, log } = this.parts;
    const dueMs = identity.renewalDueMs();
    if (!Number.isFinite(dueMs)) return;
    this.renewal?.();
    this.renewal = clock.after(Math.max(0, dueMs - clock.wall()), () => {
      identity.renewalCsr().then(
        (csr) => this.session?.requestCertificate(csr),
        (error: unknown) => log.error({ err: error }, 'no request for a new certificate could be made'),
      );
    });
  }

  private onCertificate(der: Buffer, error: string): void {
    const { identity, clock, log } = this.parts;
    try {
      if (error !== '') throw new Error(error);
      identity.candidateIssued(der);
    } catch (problem) {
      log.warn(
        { err: problem },
        'no new certificate; the present one stays in use, and it is tried again later',
      );
      identity.renewalRefused(clock.wall());
      return this.scheduleRenewal();
    }
    log.info('a new certificate has come; it is adopted once a connection with it works');
    this.session?.close('trying a new certificate');
  }

  private delayAfter(end: SessionEnd): number {
    const { clock, random } = this.parts;
    const livedMs = this.welcomedAtMs === undefined ? 0 : clock.sinceBoot() - this.welcomedAtMs;
    this.welcomedAtMs = undefined;
    switch (end.kind) {
      case 'drained':
        this.failures = 0;
        return end.afterMs * (1 + random());
      case 'closed':
        return random() * SWITCH_WITHIN_MS;
      case 'lost':
        this.failures = livedMs >= this.settings.healthyAfterMs ? 0 : this.failures + 1;
        return reconnectDelay(this.settings, this.failures, random());
    }
  }

  private note(end: SessionEnd, delayMs: number): void {
    const next = { againInMs: Math.round(delayMs) };
    if (end.kind !== 'lost') return this.parts.log.info({ ...next, why: end.kind }, 'the stream ended');
    const { reason, code } = end;
    this.parts.log.warn({ ...next, reason, code }, 'not connected to the server');
  }

  /** TLS cannot say why it refuses; the management port can. */
  private async askWhy(): Promise<void> {
    const { clock, identity, log } = this.parts;
    const standing = identity.standing;
    if (!standing || clock.sinceBoot() - this.askedAtMs < ASK_EVERY_MS) return;
    const status = await this.askEach((port) => port.status(standing.certificate));
    // Without an answer the next refusal asks again.
    if (status !== undefined) this.askedAtMs = clock.sinceBoot();
    switch (status) {
      case EnrollmentStatus.ENROLLMENT_STATUS_BANNED:
        return log.error(
          'BANNED: the server has banned this device; an operator can lift it with "cordon devices unban"',
        );
      case EnrollmentStatus.ENROLLMENT_STATUS_UNKNOWN:
        return log.error(
          'UNKNOWN: the server does not know this device; if it was removed on purpose, run "cordon-agent purge --yes" and enrol again',
        );
      case EnrollmentStatus.ENROLLMENT_STATUS_EXPIRED:
        // This computer's clock is behind: by its own reckoning the certificate is still valid.
        return this.renewExpired();
      case EnrollmentStatus.ENROLLMENT_STATUS_ACTIVE:
      case EnrollmentStatus.ENROLLMENT_STATUS_UNSPECIFIED:
      case EnrollmentStatus.UNRECOGNIZED:
      case undefined:
        return;
    }
  }

  private async renewExpired(): Promise<void> {
    const { identity, log } = this.parts;
    for (const slot of ['current', 'candidate'] as const) {
      const request = await identity.sameKeyRenewal(slot);
      if (!request) continue;
      const renewed = await this.askEach((port) => port.renew(request.certificate, request.csr));
      if (!renewed) continue;
      identity.renewed(renewed, slot);
      return log.info('the expired certificate was renewed');
    }
  }

  /** The first answer of any address of the management port; undefined: none of them gave one. */
  private async askEach<T>(ask: (port: ManagementPort) => Promise<T>): Promise<T | undefined> {
    const { identity, addresses, management, log } = this.parts;
    for (const endpoint of addresses.managementEndpoints()) {
      try {
        return await ask(management(endpoint, identity.standing?.ca ?? []));
      } catch (error) {
        log.warn({ err: error }, 'the management port did not help');
      }
    }
    return undefined;
  }

  private async wait(ms: number): Promise<void> {
    if (this.stopping) return;
    await new Promise<void>((resolve) => {
      const cancel = this.parts.clock.after(ms, resolve);
      this.cancelWait = () => {
        cancel();
        resolve();
      };
    });
  }
}

/** What the server asks for, within the bounds of the contract. */
function settingsFrom({ reconnect }: Welcome): ReconnectSettings {
  const pick = (given: Duration | undefined, standard: number, low: number, high: number): number =>
    given ? Math.min(high, Math.max(low, fromDuration(given))) : standard;
  return {
    spreadMs: pick(reconnect?.spread, defaultReconnect.spreadMs, 0, 600_000),
    minMs: pick(reconnect?.minBackoff, defaultReconnect.minMs, 100, 600_000),
    maxMs: pick(reconnect?.maxBackoff, defaultReconnect.maxMs, 1_000, 3_600_000),
    healthyAfterMs: pick(reconnect?.healthyAfter, defaultReconnect.healthyAfterMs, 0, 3_600_000),
  };
}
