import { isIP } from 'node:net';
import { map, type Observable } from 'rxjs';
import type { Clock } from '../shared/clock.js';
import { ConfigError } from '../shared/config/load.js';
import { Capability, type Hello, type Welcome } from '../shared/gen/cordon/v1/agent_service.js';
import { EnforcerKind, type ObservedIsolation } from '../shared/gen/cordon/v1/isolation.js';
import type { Logger } from '../shared/log.js';
import { version } from '../shared/package-root.js';
import { fromTimestamp } from '../shared/time.js';
import { readBootId } from './boot-id.js';
import { CommandJournal, isFinal, type Entry } from './commands/journal.js';
import { CommandRunner } from './commands/runner.js';
import { knownWork } from './commands/work.js';
import type { AgentConfig } from './config.js';
import { prepareDataFolder } from './data-folder.js';
import { createDetector, type Detector } from './detect/detector.js';
import { ownPathsOf } from './detect/own-paths.js';
import { protection } from './detect/quarantine/protected.js';
import { Quarantine } from './detect/quarantine/quarantine.js';
import type { StartScan } from './detect/scan-port.js';
import type { Enforcer } from './enforce/enforcer.js';
import { helperExclusions } from './helper-services.js';
import { readHostFacts } from './host-facts.js';
import { enroll } from './identity/enroll.js';
import { IdentityFiles } from './identity/files.js';
import { Identity } from './identity/identity.js';
import { managementPort } from './identity/management-port.js';
import type { Detection } from './isolation/decide.js';
import { fewAtATime, systemLookup } from './isolation/names.js';
import { IsolationOwner } from './isolation/owner.js';
import { CanaryWatch, tcpProbe } from './isolation/reach.js';
import { fileStore } from './isolation/store.js';
import { startLocal } from './local/local.js';
import { EventOutbox } from './link/event-outbox.js';
import { dialGrpc } from './link/grpc-transport.js';
import { Link } from './link/link.js';
import { ServerAddresses } from './link/server-addresses.js';
import { EventLogNotes, type LogEntry } from './notify/event-log-notes.js';
import { Notifier } from './notify/notifier.js';

const PROTOCOL = 1;

/** What an agent takes from outside. */
export interface AgentDeps {
  readonly clock: Clock;
  readonly log: Logger;
  readonly enforcer: Enforcer;
  /** Numbers from 0 up to 1. */
  readonly random: () => number;
  /** Writes an entry into the operating system's event log; absent: there is none. */
  readonly eventLog?: ((entry: LogEntry) => void) | undefined;
  /** Starts a scan process; absent: this agent does not look for indicators. */
  readonly startScan?: StartScan | undefined;
}

/** An agent that runs in this process. */
export interface RunningAgent {
  readonly deviceId: string;
  /** Whether the server has let it in and the stream stands. */
  readonly connected: boolean;
  /** What the device observes now. */
  status(): ObservedIsolation;
  /** Emits when that changes by itself. */
  readonly changes: Observable<ObservedIsolation>;
  /** A detection asks for isolation. Resolves to the isolation's id; empty: it started none. */
  isolateAutomatically(detection: Detection): Promise<string>;
  /** Ends streams, timers and watchers. What is enforced stays enforced. */
  stop(): Promise<void>;
}

/**
 * Starts an agent: first what is on disk is enforced again, then the device enrols if it has to, then the link comes up.
 * @throws ConfigError, IdentityError, StateFileError, EnforceError, ManagementError with what to do next
 */
export async function startAgent(config: AgentConfig, deps: AgentDeps): Promise<RunningAgent> {
  const { clock, enforcer, random } = deps;
  const dataDir = config.data_dir;
  await enforcer.probe();
  await prepareDataFolder(dataDir);
  const identity = new Identity(new IdentityFiles(dataDir), random);
  const log = deps.log.child({ device: identity.deviceId });
  const serverLookup = fewAtATime(systemLookup);
  const addresses = new ServerAddresses(dataDir, config.agent_server, config.server, clock, serverLookup);
  const events = new EventOutbox(dataDir, clock);
  const bootId = await readBootId();
  const owner: IsolationOwner = new IsolationOwner({
    clock,
    bootId,
    log,
    enforcer,
    store: fileStore(dataDir),
    lookup: fewAtATime(systemLookup),
    probe: tcpProbe,
    servers: () => addresses.pinned(),
    canaries: () => canaries.current,
    helpers: helperExclusions(config.helper_services, process.platform),
    tell: (event) => {
      const text = owner.isolation?.settings.notificationText ?? '';
      if (event.$case === 'isolationChanged' && event.value.observed)
        notifier?.observe(event.value.observed, text);
      notes?.note(event, text);
      events.add(event);
    },
  });
  // A simulation blocks nothing, so there is nothing to tell, and thousands of them may run on one computer.
  const simulated = enforcer.kind === EnforcerKind.ENFORCER_KIND_RECORDING;
  const tellsUsers = config.notify_users && !simulated;
  const notifier = tellsUsers ? new Notifier(owner.observed(), log) : undefined;
  const notes =
    deps.eventLog && !simulated ? new EventLogNotes(owner.observed(), log, deps.eventLog) : undefined;
  const canaryEndpoints = config.canaries.map(({ host, port }) => ({ address: canaryAddress(host), port }));
  const canaries: CanaryWatch = new CanaryWatch(canaryEndpoints, tcpProbe, clock, () => !owner.isolated);
  await owner.start();
  const ownPaths = ownPathsOf(config);
  const quarantine = new Quarantine({
    dataDir,
    clock,
    protects: protection({ platform: process.platform, ownPaths }),
  });
  let stream: { readonly connected: boolean } = { connected: false };
  // Before anything that needs the server: a release at the device must not wait for it.
  const local = await startLocal({
    path: config.control_socket,
    clock,
    log,
    owner,
    quarantine,
    deviceId: identity.deviceId,
    connected: () => stream.connected,
    tell: (event) => events.add(event),
  });
  try {
    if (!identity.enrolled) await enroll(identity, addresses, config.server, invitation(config));
  } catch (error) {
    await local.stop();
    await owner.stop();
    await enforcer.close?.();
    throw error;
  }
  canaries.start();

  const serverClock = new ServerClock(clock);
  const journal = new CommandJournal(dataDir, clock);
  const { startScan } = deps;
  // Thousands of simulations may run on one computer, and each would scan all of it.
  const detector =
    startScan && !simulated
      ? await createDetector({
          dataDir,
          clock,
          log,
          events,
          start: startScan,
          ownPaths,
          respond: { owner, quarantine },
        })
      : undefined;
  await detector?.scans.recover((id) => isOpen(journal.get(id)));
  const work = knownWork(owner, enforcer, detector && { scans: detector.scans, quarantine });
  const runner = new CommandRunner(journal, work, clock, () => serverClock.now(), log);
  detector?.serve(runner);
  const link = new Link({
    clock,
    random,
    log,
    owner,
    commands: runner,
    events,
    documents: detector?.documents,
    identity,
    addresses,
    now: () => ({ bootId, sinceBootMs: clock.sinceBoot(), wallMs: clock.wall() }),
    dial: (endpoint, credentials) =>
      dialGrpc(endpoint, credentials, { keepaliveMs: config.keepalive_seconds * 1000 }),
    management: managementPort,
    hello: (nonce) => makeHello(identity.deviceId, bootId, enforcer.kind, owner, runner, detector, nonce),
    welcomed: (welcome) => {
      serverClock.set(welcome);
      runner.look();
    },
  });
  stream = link;
  link.start();
  return {
    deviceId: identity.deviceId,
    get connected() {
      return link.connected;
    },
    status: () => owner.observed(),
    changes: owner.changes.pipe(map(() => owner.observed())),
    isolateAutomatically: (detection) => owner.isolateAutomatically(detection),
    stop: async () => {
      await local.stop();
      await link.stop('the agent stops');
      canaries.stop();
      await runner.stop();
      notifier?.stop();
      await owner.stop();
      await enforcer.close?.();
    },
  };
}

function invitation({ enrollment_token: token, ca_fingerprint: caFingerprint }: AgentConfig): {
  token: string;
  caFingerprint: string;
} {
  const how = 'this device is not enrolled yet; "cordon enroll-token create" prints what it needs';
  if (token === undefined) throw new ConfigError(`enrollment_token: missing; ${how}`);
  if (caFingerprint === undefined) throw new ConfigError(`ca_fingerprint: missing; ${how}`);
  return { token, caFingerprint };
}

function makeHello(
  deviceId: string,
  bootId: string,
  kind: EnforcerKind,
  owner: IsolationOwner,
  runner: CommandRunner,
  detector: Detector | undefined,
  sessionNonce: Buffer,
): Hello {
  const simulated = kind === EnforcerKind.ENFORCER_KIND_RECORDING;
  const applied = owner.appliedState;
  return {
    deviceId,
    bootId,
    agentVersion: version,
    protocolMin: PROTOCOL,
    protocolMax: PROTOCOL,
    capabilities: [
      simulated ? Capability.CAPABILITY_SIMULATED_ISOLATION : Capability.CAPABILITY_ISOLATION,
      Capability.CAPABILITY_SELF_TEST,
      Capability.CAPABILITY_COLLECT_CONNECTIONS,
      ...(detector ? [Capability.CAPABILITY_IOC_SCAN, Capability.CAPABILITY_QUARANTINE] : []),
    ],
    facts: readHostFacts(),
    knownGeneration: applied?.generation ?? 0n,
    knownHash: applied?.contentHash ?? Buffer.alloc(0),
    openCommandIds: runner.openIds(),
    observed: owner.observed(),
    sessionNonce,
  };
}

const isOpen = (entry: Entry | undefined): boolean => entry !== undefined && !isFinal(entry.update.state);

/** The server's clock, carried forward by time that never jumps. */
class ServerClock {
  private offsetMs: number | undefined;

  constructor(private readonly clock: Clock) {}

  set({ serverTime }: Welcome): void {
    if (serverTime) this.offsetMs = fromTimestamp(serverTime) - this.clock.sinceBoot();
  }

  /** Milliseconds since 1970; the own wall clock until the server has told its time. */
  now(): number {
    return this.offsetMs === undefined ? this.clock.wall() : this.clock.sinceBoot() + this.offsetMs;
  }
}

/** A name could point elsewhere at the moment of the check. */
function canaryAddress(host: string): string {
  if (isIP(host) === 0)
    throw new ConfigError(`canaries: "${host}" is not an address; names are not allowed here`);
  return host;
}
