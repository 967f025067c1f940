import {
  createWriteStream,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
  type WriteStream,
} from 'node:fs';
import type { ChildProcess } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packageRoot } from '../../../shared/package-root.js';
import type { Host } from '../site/index.js';
import { Operator } from './operator.js';

/** A Cordon server and its agents as real processes on the hosts of a site, and the operator's command line. */
export class Fleet {
  private readonly logs: WriteStream[] = [];
  private readonly processes = new Map<string, ChildProcess>();
  private operator: Operator | undefined;
  private fingerprint = '';
  private readonly folder = mkdtempSync(join(tmpdir(), 'cordon-fleet-'));

  constructor(
    private readonly server: Host,
    private readonly options: {
      /** Address by which agents and the command line reach the server. Default: its IPv4 address. */
      readonly serverAddress?: string;
      /** How commands of the operator run: the program itself each time, or (default) one process that stays. */
      readonly cordon?: 'program' | 'process';
    } = {},
  ) {}

  /** Folder of logs and data; removed by `close`. */
  get dataFolder(): string {
    return this.folder;
  }

  /** Value of CORDON_CONFIG for the command line. */
  get cliConfig(): string {
    return join(this.folder, 'cli.yaml');
  }

  /** Local control socket of the agent on a host. Namespaces share the file system: each agent has its own. */
  controlSocket(host: Host): string {
    return join(this.folder, `${host.name}.sock`);
  }

  /** Management address as a person types it. */
  get managementAddress(): string {
    return `${this.address}:7444`;
  }

  private get address(): string {
    return this.options.serverAddress ?? this.server.v4;
  }

  /** Starts the server and logs the command line in with the administrator token that it prints at its first start. */
  async startServer(): Promise<void> {
    const first = this.fingerprint === '';
    const printed = await this.start(this.server, 'server', 'cordon-server', [], /ready|listening/i, {
      CORDON_SERVER_DATA_DIR: join(this.folder, 'server'),
      CORDON_SERVER_RECONNECT_SPREAD_SECONDS: '1',
      CORDON_SERVER_HEARTBEAT_SECONDS: '5',
      CORDON_SERVER_SERVER_NAMES: [this.server.v4, this.server.v6].join(','),
    });
    if (!first) return;
    const token = /--token (\S+)/.exec(printed)?.[1];
    this.fingerprint = /--ca-fingerprint ([0-9a-f]{64})/.exec(printed)?.[1] ?? '';
    if (!token || !this.fingerprint) throw new Error(`the server printed no token:\n${printed}`);
    await this.cli(
      'login',
      '--server',
      this.managementAddress,
      '--token',
      token,
      '--ca-fingerprint',
      this.fingerprint,
    );
  }

  /**
   * Starts an agent on a host; it enrols by itself the first time.
   * @param cgroup folder of the control group that it runs in; absent: that of this process
   */
  async startAgent(
    host: Host,
    environment: Readonly<Record<string, string>> = {},
    cgroup?: string,
  ): Promise<void> {
    const data = join(this.folder, host.name);
    let token: Record<string, string> = {};
    if (!existsSync(join(data, 'credentials.pem'))) {
      const created = await this.json<{ secret: string }>('enroll-token', 'create');
      token = {
        CORDON_AGENT_ENROLLMENT_TOKEN: created.secret,
        CORDON_AGENT_CA_FINGERPRINT: this.fingerprint,
      };
    }
    const settings = {
      CORDON_AGENT_SERVER: this.managementAddress,
      CORDON_AGENT_DATA_DIR: data,
      CORDON_AGENT_CONTROL_SOCKET: this.controlSocket(host),
      CORDON_AGENT_ENFORCER: 'nftables',
      CORDON_AGENT_LOG_LEVEL: 'debug',
      // The terminals of whoever runs the tests are not those of a device.
      CORDON_AGENT_NOTIFY_USERS: 'false',
      ...token,
      ...environment,
    };
    await this.start(host, host.name, 'cordon-agent', ['run'], undefined, settings, cgroup);
  }

  /** Process id of `server` or of the agent on a host. */
  pid(name: string): number {
    const pid = this.processes.get(name)?.pid;
    if (pid === undefined) throw new Error(`no process ${name}`);
    return pid;
  }

  /** Ends a process the hard way and waits until it is gone. */
  async kill(name: string, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const child = this.processes.get(name);
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill(signal);
    await gone;
  }

  /** Runs `cordon` as the operator. @throws Error with what it printed, unless it exits with 0 */
  async cli(...args: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await this.tryCli(...args);
    if (code !== 0) throw new Error(`cordon ${args.join(' ')} exited with ${code}:\n${stderr}${stdout}`);
    return stdout;
  }

  /** Runs `cordon` as the operator; its failure is a code. */
  tryCli(...args: readonly string[]): ReturnType<Host['exec']> {
    return this.tryCliWith('', ...args);
  }

  /** The same with something on standard input. */
  tryCliWith(input: string, ...args: readonly string[]): ReturnType<Host['exec']> {
    if (this.options.cordon === 'program') {
      return this.asOperator(join(packageRoot, 'bin', 'cordon'), args, input);
    }
    this.operator ??= Operator.start(this.server, this.cliConfig);
    return this.operator.call(args, input);
  }

  /** Runs a program on the server's host that is logged in as the operator; its failure is a code. */
  asOperator(program: string, args: readonly string[], input = ''): ReturnType<Host['exec']> {
    const command = [`CORDON_CONFIG=${this.cliConfig}`, process.execPath, program, ...args];
    return this.server.exec('env', command, { input, timeoutMs: 120_000 });
  }

  /** `cordon policy apply` or `cordon task apply` of a document. */
  async apply(kind: 'policy' | 'task', settings: object): Promise<void> {
    const file = join(this.folder, `${kind}.json`);
    writeFileSync(file, JSON.stringify({ [kind]: settings }));
    await this.cli(kind, 'apply', '-f', file, '--yes');
  }

  /** Runs `cordon-agent` on a host as its administrator, for the agent that runs there; its failure is a code. */
  atDevice(host: Host, args: readonly string[], input = ''): ReturnType<Host['exec']> {
    const agent = [process.execPath, join(packageRoot, 'bin', 'cordon-agent'), ...args];
    const [command = '', ...words] = [...agent, '--control-socket', this.controlSocket(host)];
    return host.exec(command, words, { input });
  }

  /** Runs `cordon -o json` and parses what it prints. */
  async json<Result>(...args: readonly string[]): Promise<Result> {
    return JSON.parse(await this.cli('-o', 'json', ...args)) as Result;
  }

  /** Waits until a device is connected and enforces what the server wants. */
  async untilCurrent(device: string, timeoutMs = 20_000): Promise<DeviceView> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const { code, stdout, stderr } = await this.tryCli('-o', 'json', 'devices', 'show', device);
      const view = code === 0 ? (JSON.parse(stdout) as DeviceView) : undefined;
      if (
        view?.connection === 'CONNECTION_STATE_ONLINE' &&
        Number(view.observedGeneration ?? 0) >= Number(view.generation)
      ) {
        return view;
      }
      if (performance.now() > deadline) {
        throw new Error(
          `${device} is not current after ${timeoutMs / 1000} s:\n${stdout}${stderr}\n${this.log(device)}`,
        );
      }
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  /** What a process has logged so far. */
  log(name: string): string {
    return readFileSync(join(this.folder, `${name}.log`), 'utf8');
  }

  /** Ends the processes and removes their files. */
  async close(): Promise<void> {
    for (const name of this.processes.keys()) await this.kill(name);
    for (const log of this.logs) log.end();
    rmSync(this.folder, { recursive: true, force: true });
  }

  private start(
    host: Host,
    name: string,
    program: string,
    args: readonly string[],
    ready: RegExp | undefined,
    environment: Readonly<Record<string, string>>,
    cgroup?: string,
  ): Promise<string> {
    mkdirSync(this.folder, { recursive: true });
    const log = createWriteStream(join(this.folder, `${name}.log`), { flags: 'a' });
    this.logs.push(log);
    // A namespace shares the name of the machine; a device is known by its own.
    const enterGroup = cgroup === undefined ? '' : `echo $$ > ${cgroup}/cgroup.procs && `;
    const named = ['--uts', 'sh', '-c', `${enterGroup}hostname "$0" && exec "$@"`, host.name];
    const command = [process.execPath, join(packageRoot, 'bin', program), ...args];
    const child = host.spawn('unshare', [...named, ...command], {
      env: { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`, ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.processes.set(name, child);
    child.stderr?.pipe(log, { end: false });
    return new Promise((resolve, reject) => {
      let printed = '';
      child.stdout?.setEncoding('utf8').on('data', (text: string) => {
        log.write(text);
        printed += text;
        if (ready?.test(printed)) resolve(printed);
      });
      child.once('error', reject);
      child.once('exit', (code) => {
        reject(new Error(`${program} on ${host.name} ended with ${code ?? 'a signal'}:\n${this.log(name)}`));
      });
      if (!ready) resolve('');
    });
  }
}

/** Part of `cordon -o json devices show`. */
export interface DeviceView {
  readonly id: string;
  readonly name: string;
  readonly connection: string;
  readonly generation: string;
  readonly observedGeneration?: string;
  readonly observed?: {
    readonly state: string;
    readonly isolationId?: string;
    readonly enforceLatency?: string;
    readonly evidence?: { readonly verification: string };
  };
}
