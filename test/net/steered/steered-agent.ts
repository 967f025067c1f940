import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { IdentityFiles } from '../../../agent/identity/files.js';
import { Identity } from '../../../agent/identity/identity.js';
import { packageRoot } from '../../../shared/package-root.js';
import { certificatesFromPem } from '../../../shared/tls/pem.js';
import type { Host } from '../site/index.js';
import { AGENT_PORT, type SteeredServer } from './steered-server.js';

const BINARY = [process.execPath, join(packageRoot, 'bin', 'cordon-agent'), 'run'];

export interface AgentStart {
  readonly environment?: Readonly<Record<string, string>>;
  /** Command that runs the agent given after it, for example in a time namespace. */
  readonly wrapper?: readonly string[];
  /** Program in place of the agent's own binary. */
  readonly program?: readonly string[];
}

/** The agent's own binary on a host, as a device of a steered server. */
export class SteeredAgent {
  private child: ChildProcess | undefined;
  private starts = 0;

  private constructor(
    readonly host: Host,
    /** Its data folder. */
    readonly folder: string,
    readonly deviceId: string,
    private readonly server: SteeredServer,
    private readonly serverHost: Host,
  ) {}

  /** A device that is enrolled and does not run yet. */
  static async enrolled(
    host: Host,
    folder: string,
    server: SteeredServer,
    serverHost: Host,
  ): Promise<SteeredAgent> {
    const identity = new Identity(new IdentityFiles(folder), () => 0.5);
    const certificate = await server.issue(await identity.enrollmentCsr());
    identity.adoptEnrolment(certificate, certificatesFromPem(server.caPem));
    return new SteeredAgent(host, folder, identity.deviceId, server, serverHost);
  }

  /** Starts the binary, and waits for its stream. */
  async start({ environment = {}, wrapper = [], program = BINARY }: AgentStart = {}): Promise<ChildProcess> {
    const { v4, v6 } = this.serverHost;
    const [command = '', ...args] = [...wrapper, ...program];
    const child = this.host.spawn(command, args, {
      env: {
        ...process.env,
        PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`,
        CORDON_AGENT_SERVER: `${v4}:7444`,
        CORDON_AGENT_AGENT_SERVER: `${v4}:${AGENT_PORT},[${v6}]:${AGENT_PORT}`,
        CORDON_AGENT_DATA_DIR: this.folder,
        CORDON_AGENT_ENFORCER: 'nftables',
        CORDON_AGENT_LOG_LEVEL: 'debug',
        CORDON_AGENT_NOTIFY_USERS: 'false',
        ...environment,
      },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    const log = createWriteStream(this.logPath, { flags: 'a' });
    child.stdout?.pipe(log, { end: false });
    child.stderr?.pipe(log, { end: false });
    child.once('close', () => log.end());
    this.child = child;
    this.starts += 1;
    try {
      await this.server.connected(this.deviceId, this.starts);
    } catch (error) {
      throw new Error(`${(error as Error).message}\n${this.log}`, { cause: error });
    }
    return child;
  }

  /** Ends it, the hard way unless told otherwise, and waits until it is gone. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const { child } = this;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill(signal);
    await gone;
  }

  /** What it has logged so far. */
  get log(): string {
    return readFileSync(this.logPath, 'utf8');
  }

  private get logPath(): string {
    return `${this.folder}.log`;
  }
}
