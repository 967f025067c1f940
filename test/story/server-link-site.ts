import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import type { DesiredState } from '../../shared/gen/cordon/v1/agent_service.js';
import { ApplyStatus, ConnectRequest, type Capability } from '../../shared/gen/cordon/v1/agent_service.js';
import { HostFacts } from '../../shared/gen/cordon/v1/device.js';
import { IsolationState, ObservedIsolation } from '../../shared/gen/cordon/v1/isolation.js';
import { FewAtATime } from '../../shared/few-at-a-time.js';
import { newId } from '../../shared/ids.js';
import type { Order } from '../../server/desired/order.js';
import { giveOrder } from '../../server/desired/orders.js';
import { SettingsReader } from '../../server/desired/settings.js';
import type { DeviceCertificates } from '../../server/identity/device-certificates.js';
import { DeviceChanges } from '../../server/link/device-changes.js';
import { Registry } from '../../server/link/registry.js';
import { DOCUMENTS_UNDER_WAY } from '../../server/link/document-sender.js';
import { Session, type SessionDeps } from '../../server/link/session.js';
import { Planner } from '../../server/scans/planner.js';
import { Store } from '../../server/store/store.js';
import { FakeClock } from '../fakes/fake-clock.js';
import { MemoryTransport } from '../fakes/memory-transport.js';
import { addDevices } from '../unit/server/device-rows.js';

type Payload = NonNullable<ConnectRequest['payload']>;

/** One device's end of the story: says things in order and sees what the server answers. */
export class ToldAgent {
  private seq = 0n;
  readonly transport: MemoryTransport;
  readonly session: Session;

  constructor(
    deps: SessionDeps,
    readonly deviceId: string,
    peer?: string,
  ) {
    this.transport = new MemoryTransport(peer);
    this.session = new Session(deps, this.transport, { deviceId, fingerprint: `of ${deviceId}` });
  }

  say(payload: Payload | undefined, seq = this.seq + 1n): Promise<void> {
    this.seq = seq;
    return this.session.receive(ConnectRequest.fromPartial({ seq, payload }));
  }

  hello(known: Known = {}): Promise<void> {
    return this.say(helloOf(this.deviceId, known));
  }

  /** The newest desired state that came, or undefined. */
  get desired(): DesiredState | undefined {
    return this.transport.payloads('desiredState').at(-1);
  }

  /** Answers a desired state as an agent that cannot take it. */
  refused(state: DesiredState, field: string, description: string): Promise<void> {
    return this.say({
      $case: 'stateReport',
      value: {
        nonce: state.nonce,
        observedGeneration: state.generation - 1n,
        appliedHash: Buffer.alloc(0),
        status: ApplyStatus.APPLY_STATUS_REJECTED,
        observed: ObservedIsolation.fromPartial({ state: IsolationState.ISOLATION_STATE_RELEASED }),
        violations: [{ field, description }],
      },
    });
  }

  /** Answers a desired state as an agent that enforced it. */
  applied(state: DesiredState, observed: Partial<ObservedIsolation> = {}): Promise<void> {
    return this.say({
      $case: 'stateReport',
      value: {
        nonce: state.nonce,
        observedGeneration: state.generation,
        appliedHash: state.contentHash,
        status: ApplyStatus.APPLY_STATUS_APPLIED,
        observed: ObservedIsolation.fromPartial({
          state: IsolationState.ISOLATION_STATE_ISOLATED,
          isolationId: state.directive?.id ?? '',
          ...observed,
        }),
        violations: [],
      },
    });
  }
}

/** What an agent says of itself in Hello; the rest is as of a new one. */
interface Known {
  readonly generation?: bigint;
  readonly hash?: Buffer;
  readonly nonce?: Buffer;
  readonly capabilities?: Capability[];
  /** Commands in its journal. */
  readonly open?: string[];
  readonly timeZone?: string;
}

export function helloOf(deviceId: string, known: Known = {}): Payload {
  return {
    $case: 'hello',
    value: {
      deviceId,
      bootId: newId(),
      agentVersion: '0.1.0',
      protocolMin: 1,
      protocolMax: 1,
      capabilities: known.capabilities ?? [],
      facts: known.timeZone === undefined ? undefined : HostFacts.fromPartial({ timeZone: known.timeZone }),
      knownGeneration: known.generation ?? 0n,
      knownHash: known.hash ?? Buffer.alloc(0),
      openCommandIds: known.open ?? [],
      observed: ObservedIsolation.fromPartial({ state: IsolationState.ISOLATION_STATE_RELEASED }),
      sessionNonce: known.nonce ?? Buffer.alloc(0),
    },
  };
}

/** A real store, a clock that stands still, and sessions without sockets. */
export class LinkSite {
  readonly clock = new FakeClock();
  readonly changes = new DeviceChanges();
  readonly registry: Registry;
  readonly planner: Planner;
  readonly deps: SessionDeps;

  private constructor(
    readonly store: Store,
    private readonly folder: string,
  ) {
    const log = pino({ level: 'silent' });
    this.registry = new Registry(store, this.clock, this.changes, log);
    this.planner = new Planner({
      store,
      clock: this.clock,
      log,
      isOnline: (deviceId) => this.registry.get(deviceId) !== undefined,
      commandsChanged: (deviceId) => this.registry.pokeCommands(deviceId),
    });
    const identity: DeviceCertificates = {
      authorizeCertificate: () => Promise.reject(new Error('this story starts behind the certificate')),
      markCertificateUsed: () => Promise.resolve(),
      issueForStream: () => Promise.resolve(Buffer.from('certificate')),
    };
    this.deps = {
      store,
      clock: this.clock,
      log,
      identity,
      registry: this.registry,
      changes: this.changes,
      settings: new SettingsReader(),
      documents: new FewAtATime(DOCUMENTS_UNDER_WAY),
      timeZoneChanged: (deviceId) => this.planner.deviceChanged(deviceId),
      heartbeatMs: 30_000,
      reconnectSpreadMs: 10_000,
    };
  }

  static async open(): Promise<LinkSite> {
    const folder = mkdtempSync(join(tmpdir(), 'cordon-story-'));
    return new LinkSite(await Store.openSqlite(join(folder, 'store.db')), folder);
  }

  async close(): Promise<void> {
    await this.planner.close();
    await this.registry.close();
    this.changes.close();
    await this.store.close();
    rmSync(this.folder, { recursive: true });
  }

  /** A device that has enrolled and never connected. */
  async device(name: string): Promise<string> {
    const id = newId();
    await addDevices(this.store, [{ id, name, enrolled_at: this.clock.wall() }]);
    return id;
  }

  agent(deviceId: string, peer?: string): ToldAgent {
    return new ToldAgent(this.deps, deviceId, peer);
  }

  /** An operator's order, with the poke that follows its commit. Returns the generation. */
  async order(
    deviceId: string,
    action: Order['action'],
    { poke = true, releaseDelayMs }: { poke?: boolean; releaseDelayMs?: number } = {},
  ): Promise<number> {
    const [stored] = await this.store.write(async (tx) => {
      const device = await tx
        .selectFrom('devices')
        .selectAll()
        .where('id', '=', deviceId)
        .executeTakeFirstOrThrow();
      return giveOrder(tx, [device], {
        action,
        reason: 'malware',
        requestedBy: 'ada',
        now: this.clock.wall(),
        requestId: '',
        ...(releaseDelayMs === undefined ? {} : { releaseDelayMs }),
      });
    });
    if (poke) this.registry.pokeDesired([deviceId]);
    return stored?.generation ?? 0;
  }

  row(deviceId: string) {
    return this.store.read
      .selectFrom('devices')
      .selectAll()
      .where('id', '=', deviceId)
      .executeTakeFirstOrThrow();
  }

  /** Actions of the audit records about a device, oldest first. */
  async audited(deviceId: string): Promise<string[]> {
    const rows = await this.store.read
      .selectFrom('audit')
      .select('action')
      .where('device_id', '=', deviceId)
      .orderBy('sequence')
      .execute();
    return rows.map(({ action }) => action);
  }
}

/** Waits until something that other turns of the event loop do has happened. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  for (let turn = 0; turn < 2000; turn++) {
    if (await condition()) return;
    await new Promise((resolve) => setImmediate(resolve));
  }
  throw new Error('what the story waits for did not happen');
}
