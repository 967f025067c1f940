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

const BINARY = join(packageRoot, 'bin', 'cordon-agent');

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
  async start({
    environment = {},
    wrapper = [],
    program = [process.execPath, BINARY, 'run'],
  }: AgentStart = {}): Promise<ChildProcess> {
    const [command = '', ...args] = [...wrapper, ...program];
    const child = this.host.spawn(command, args, {
      env: { ...this.environment, ...environment },
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

  /** Runs another command of the binary with the settings of this device. */
  run(...args: readonly string[]): ReturnType<Host['exec']> {
    const ours = Object.entries(this.environment).filter(([name]) => name.startsWith('CORDON_AGENT_'));
    const settings = ours.map(([name, value]) => `${name}=${value}`);
    return this.host.exec('env', [...settings, process.execPath, BINARY, ...args]);
  }

  /** Process id of the agent. */
  get pid(): number {
    const pid = this.child?.pid;
    if (pid === undefined) throw new Error(`no agent runs on ${this.host.name}`);
    return pid;
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

  /** In a folder of its own, as on a device. */
  get controlSocket(): string {
    return join(`${this.folder}.run`, 'control.sock');
  }

  private get environment(): Readonly<Record<string, string | undefined>> {
    const { v4, v6 } = this.serverHost;
    return {
      ...process.env,
      PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`,
      CORDON_AGENT_SERVER: `${v4}:7444`,
      CORDON_AGENT_AGENT_SERVER: `${v4}:${AGENT_PORT},[${v6}]:${AGENT_PORT}`,
      CORDON_AGENT_DATA_DIR: this.folder,
      CORDON_AGENT_CONTROL_SOCKET: this.controlSocket,
      CORDON_AGENT_ENFORCER: 'nftables',
      CORDON_AGENT_LOG_LEVEL: 'debug',
      // The terminals of whoever runs the tests are not those of a device.
      CORDON_AGENT_NOTIFY_USERS: 'false',
    };
  }

  private get logPath(): string {
    return `${this.folder}.log`;
  }
}
