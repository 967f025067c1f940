import { Server } from '@grpc/grpc-js';
import type { CancelTimer, Clock } from '../shared/clock.js';
import type { Logger } from '../shared/log.js';
import type { HostResolver } from './api/known-hosts.js';
import { purgeOldAnswers } from './api/replay.js';
import type { ServerConfig } from './config.js';
import { AuditFeed } from './events/audit-feed.js';
import { startExport } from './events/start-export.js';
import { takeDataDir } from './data-dir.js';
import { firstAdministrator } from './identity/api-tokens.js';
import { systemHosts } from './host-resolver.js';
import { CertificateAuthority } from './identity/ca.js';
import { DeviceIdentity } from './identity/device-identity.js';
import { Enrollment } from './identity/enrollment.js';
import { ServerCertificate } from './identity/server-certificate.js';
import { managementServer } from './management.js';
import { isWildcard, parseListenAddress } from './listen-address.js';
import type { MakePlane } from './plane.js';
import { agentPortOptions } from './ports/grpc-options.js';
import { TlsPort } from './ports/tls-port.js';
import { Teardown } from './teardown.js';
import { Store } from './store/store.js';

export interface ServerParts {
  readonly log: Logger;
  readonly clock: Clock;
  readonly plane: MakePlane;
  /** Looks up host names in exclusions. Default: as this computer does. */
  readonly hosts?: HostResolver;
}

export interface RunningServer {
  readonly agentPort: number;
  readonly managementPort: number;
  /** SHA-256 of the CA certificate, hex. */
  readonly caFingerprint: string;
  /** Secret of the first administrator's token; only at the first start, and shown nowhere else. */
  readonly initialAdminToken: string | undefined;
  /** Tells agents and health checks, waits up to `drain_seconds`, cuts the rest, closes the store. */
  stop(): Promise<void>;
}

/**
 * Starts a server. What was opened is closed again if a later step fails.
 * @throws ConfigError that names the setting for a folder or a port that cannot be used
 */
export async function startServer(config: ServerConfig, parts: ServerParts): Promise<RunningServer> {
  const teardown = new Teardown();
  try {
    return await start(config, parts, teardown);
  } catch (error) {
    await teardown.run();
    throw error;
  }
}

async function start(
  config: ServerConfig,
  { log, clock, plane: makePlane, hosts = systemHosts }: ServerParts,
  teardown: Teardown,
): Promise<RunningServer> {
  const folder = takeDataDir(config.data_dir);
  teardown.add(() => folder.release());
  const ca = await CertificateAuthority.open(folder.path, clock.wall());
  const store = await Store.openSqlite(folder.storeFile);
  teardown.add(() => store.close());
  const feed = new AuditFeed(store, clock, log);
  teardown.add(() => feed.close());
  teardown.add(await startExport(config, { store, feed, clock, log, random: Math.random }));
  const certificate = await ServerCertificate.open({
    folder: folder.path,
    names: [...config.server_names, ...listenNames(config)],
    ca,
    clock,
    log,
  });
  teardown.add(() => certificate.close());
  teardown.add(purgeOldAnswers({ store, clock, log }));

  const identity = new DeviceIdentity(ca, config.certificate_days);
  const plane = makePlane({ store, clock, log, identity, config });
  teardown.add(() => plane.close());

  const stopping = new AbortController();
  const agents = new Server(agentPortOptions);
  agents.addService(plane.agentService.definition, plane.agentService.implementation);
  teardown.add(() => agents.forceShutdown());

  const common = { identity: certificate.identity, log };
  const agentPort = await TlsPort.open(agents, {
    ...common,
    key: 'agent_listen',
    address: config.agent_listen,
    clientCertificates: 'required',
  });
  teardown.add(() => agentPort.close());
  const management = managementServer({
    store,
    clock,
    log,
    plane,
    hosts,
    feed,
    enrollment: new Enrollment({ store, clock, ca, identity }),
    caFingerprint: ca.fingerprint,
    agentPort: agentPort.number,
    stopping: stopping.signal,
  });
  teardown.add(() => management.forceShutdown());
  const managementPort = await TlsPort.open(management, {
    ...common,
    key: 'management_listen',
    address: config.management_listen,
    clientCertificates: 'none',
  });
  teardown.add(() => managementPort.close());
  certificate.onChange((renewed) => {
    agentPort.rotate(renewed);
    managementPort.rotate(renewed);
  });
  const initialAdminToken = await firstAdministrator(store, clock.wall());

  let stopped: Promise<void> | undefined;
  const stop = async (): Promise<void> => {
    stopping.abort();
    agentPort.stopAccepting();
    managementPort.stopAccepting();
    const told = plane.drain().catch((error: unknown) => log.error({ err: error }, 'drain failed'));
    const calm = told.then(() => Promise.all([shutDown(agents), shutDown(management)]));
    await within(clock, config.drain_seconds * 1000, calm);
    await teardown.run();
  };
  return {
    agentPort: agentPort.number,
    managementPort: managementPort.number,
    caFingerprint: ca.fingerprint,
    initialAdminToken,
    stop: () => (stopped ??= stop()),
  };
}

/** Resolves when every open call has ended. */
function shutDown(server: Server): Promise<void> {
  return new Promise((resolve) => server.tryShutdown(() => resolve()));
}

/** Waits for `work`, but not longer than `ms`. */
async function within(clock: Clock, ms: number, work: Promise<unknown>): Promise<void> {
  let cancel: CancelTimer = () => undefined;
  const limit = new Promise<void>((resolve) => {
    cancel = clock.after(ms, resolve);
  });
  await Promise.race([work, limit]);
  cancel();
}

/** Addresses that clients are told to connect to must be in the certificate. */
function listenNames(config: ServerConfig): string[] {
  return [config.agent_listen, config.management_listen].flatMap((text) => {
    const address = parseListenAddress(text);
    return address && !isWildcard(address.host) ? [address.host] : [];
  });
}
