import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RecordingEnforcer } from '../../agent/enforce/recording.js';
import { IdentityFiles } from '../../agent/identity/files.js';
import { Identity } from '../../agent/identity/identity.js';
import { IsolationOwner } from '../../agent/isolation/owner.js';
import { fileStore } from '../../agent/isolation/store.js';
import { systemClock } from '../../shared/clock.js';
import type { DesiredState } from '../../shared/gen/cordon/v1/agent_service.js';
import type { IsolationDirective } from '../../shared/gen/cordon/v1/isolation.js';
import { packageRoot } from '../../shared/package-root.js';
import { silent } from '../fakes/agent-owner.js';
import { DeviceCa } from '../fakes/device-certificates.js';
import { desired, ISOLATION } from '../fakes/isolation.js';
import { freePort } from './real-server.js';
import { until } from './until.js';

const AGENT = join(packageRoot, 'bin', 'cordon-agent');
const DAY_MS = 86_400_000;

/** How a program ended. */
export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * `cordon-agent` as a process of its own on a device that has enrolled and has received its orders before; its server is
 * out of reach. It simulates: nothing is blocked.
 */
export class IsolatedDevice {
  readonly folder = mkdtempSync(join(tmpdir(), 'cordon-local-test-'));
  readonly socket = join(this.folder, 'run', 'control.sock');
  private child: ChildProcess | undefined;
  private text = '';
  private serverPort = 0;

  private constructor() {}

  /** Prepares the data folder: identity, the desired state with `directive` and `change`, and what came of it. */
  static async make(
    directive: IsolationDirective | undefined,
    change: Partial<DesiredState> = {},
  ): Promise<IsolatedDevice> {
    const device = new IsolatedDevice();
    await device.enrol();
    await device.take(desired(1n, directive, change));
    return device;
  }

  /** Everything that the agent has logged. */
  get log(): string {
    return this.text;
  }

  get pid(): number {
    return this.child?.pid ?? 0;
  }

  /** Starts the agent and resolves when its socket is there. */
  async start(): Promise<void> {
    this.serverPort ||= await freePort();
    const child = spawn(process.execPath, [AGENT, 'run'], {
      env: {
        ...process.env,
        CORDON_AGENT_SERVER: `127.0.0.1:${this.serverPort}`,
        CORDON_AGENT_DATA_DIR: this.folder,
        CORDON_AGENT_CONTROL_SOCKET: this.socket,
        CORDON_AGENT_ENFORCER: 'recording',
      },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    this.child = child;
    child.stderr.setEncoding('utf8').on('data', (text: string) => (this.text += text));
    await until('the agent serves its socket', 20_000, async () => {
      if (child.exitCode !== null || child.signalCode !== null)
        throw new Error(`the agent ended:\n${this.text}`);
      // A process each time: a client in this one would keep connecting.
      return existsSync(this.socket) && (await this.isolation(['/show'])).code === 0;
    });
  }

  /** Runs `cordon-agent isolation` on this device. */
  isolation(words: readonly string[], input = '', wrapper: readonly string[] = []): Promise<Ended> {
    return this.command(['isolation', ...words, '--control-socket', this.socket], input, wrapper);
  }

  /** Runs `cordon-agent`. @param wrapper command that runs the command given after it */
  command(words: readonly string[], input = '', wrapper: readonly string[] = []): Promise<Ended> {
    const [program = '', ...args] = [...wrapper, process.execPath, AGENT, ...words];
    return new Promise((resolve, reject) => {
      const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'] });
      let stdout = '';
      let stderr = '';
      child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
      child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
      child.once('error', reject);
      child.once('close', (code) => resolve({ code, stdout, stderr }));
      child.stdin.on('error', () => undefined);
      child.stdin.end(input);
    });
  }

  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const { child } = this;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill(signal);
    await gone;
  }

  async close(): Promise<void> {
    await this.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }

  private async enrol(): Promise<void> {
    const identity = new Identity(new IdentityFiles(this.folder), Math.random);
    const ca = await DeviceCa.make();
    const csr = await identity.enrollmentCsr();
    const certificate = await ca.issue(csr, Date.now() - DAY_MS, Date.now() + DAY_MS);
    identity.adoptEnrolment(certificate, [ca.certificate]);
  }

  private async take(state: DesiredState): Promise<void> {
    const owner = new IsolationOwner({
      clock: systemClock,
      bootId: 'before',
      log: silent,
      enforcer: new RecordingEnforcer(),
      store: fileStore(this.folder),
      lookup: () => Promise.resolve([]),
      probe: () => Promise.resolve(true),
      servers: () => [],
      canaries: () => [],
      helpers: [],
      tell: () => undefined,
    });
    const now = { bootId: 'before', sinceBootMs: systemClock.sinceBoot(), wallMs: systemClock.wall() };
    await owner.handle(state, now);
    // Confirmed: otherwise it would roll back by itself.
    await owner.confirm(ISOLATION);
    await owner.stop();
  }
}

/** A user of this computer for one test, with a login password. Needs root. */
export class TestUser {
  readonly name = `cordon${process.pid}`;

  constructor(readonly password: string) {
    must('useradd', ['--no-create-home', '--shell', '/usr/sbin/nologin', this.name]);
    must('chpasswd', [], `${this.name}:${password}\n`);
  }

  /** Sets the end of the account to the day after 1970 began, or takes it away. */
  expire(expired: boolean): void {
    must('usermod', ['--expiredate', expired ? '1' : '', this.name]);
  }

  remove(): void {
    must('userdel', [this.name]);
  }
}

function must(command: string, args: readonly string[], input = ''): void {
  const PATH = `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`;
  const { status, stderr, error } = spawnSync(command, args, { input, env: { ...process.env, PATH } });
  if (status !== 0) throw new Error(`${command} failed: ${error?.message ?? stderr.toString()}`);
}
