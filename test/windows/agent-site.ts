import type { Device } from '../../shared/gen/cordon/v1/device.js';
import { DeviceServiceService, ListDevicesRequest } from '../../shared/gen/cordon/v1/device_service.js';
import type { Ended } from '../fakes/call-cordon.js';
import { runCordon } from '../fakes/run-cordon.js';
import { Operator } from '../fault/operator.js';
import { RealServer, type ManagementClient } from '../fault/real-server.js';
import { until } from '../fault/until.js';
import { OwnNetwork } from './own-network.js';
import { Wine, type WineEnded, type WineProcess } from './wine.js';

/** Longest life of one agent, milliseconds: that of a whole file of tests. */
const AGENT_LIFE_MS = 240_000;
/** The first program in a new prefix starts Windows: seconds, and many of them under load. */
export const PATIENCE_MS = 90_000;

export interface SiteOptions {
  /** As in the agent's settings. */
  readonly enforcer: 'auto' | 'recording';
  /** Prepares the Windows before anything runs in it. */
  readonly prepare?: (windows: Wine) => void;
}

/** A server on this computer, and one whole agent in a Windows of its own. */
export class AgentSite {
  private agent: WineProcess | undefined;
  private deviceId = '';

  private constructor(
    readonly server: RealServer,
    readonly windows: Wine,
    readonly client: ManagementClient,
    private readonly options: SiteOptions,
    private readonly network: OwnNetwork,
  ) {}

  static async open(options: SiteOptions): Promise<AgentSite> {
    const server = await RealServer.open();
    const windows = Wine.make();
    options.prepare?.(windows);
    const network = await OwnNetwork.open([server.agentPort, server.managementPort]);
    windows.enterNetwork(network);
    return new AgentSite(server, windows, server.connect(), options, network);
  }

  /** Ends everything, whatever its state. */
  async close(): Promise<void> {
    await this.killAgent();
    this.client.close();
    this.windows.close();
    this.network.close();
    await this.server.close();
  }

  /**
   * Starts the agent; the first time with a new token, with which it enrols. Waits until it is connected.
   * @param layout of its files: as they are installed it takes seconds more
   */
  async startAgent(layout: 'compiled' | 'installed' = 'compiled'): Promise<void> {
    const token = this.deviceId === '' ? await this.newToken() : {};
    this.agent = this.windows.startNode(this.windows[layout]('agent/main.js'), ['run'], {
      env: { ...this.settings(), ...token },
      timeoutMs: AGENT_LIFE_MS,
    });
    if (this.deviceId === '') this.deviceId = await this.enrolled();
    await until(`the agent connects\n${this.log()}`, PATIENCE_MS, () => this.operator.isOnline());
  }

  /** Ends the agent as the Task Manager does. */
  async killAgent(): Promise<void> {
    const { agent } = this;
    this.agent = undefined;
    agent?.kill();
    await agent?.ended;
  }

  /** What the agent that runs has logged. */
  log(): string {
    return this.agent ? `${this.agent.stdout()}${this.agent.stderr()}` : '';
  }

  /** Runs `cordon` as a person does. */
  cordon(...args: readonly string[]): Promise<Ended> {
    return runCordon(args, this.server.operatorEnvironment());
  }

  /** The same, and it must succeed. Resolves to what it printed. */
  async done(...args: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await this.cordon(...args);
    if (code === 0) return stdout;
    throw new Error(`cordon ${args.join(' ')} ended with ${code}:\n${stdout}${stderr}\n${this.log()}`);
  }

  /** Runs `cordon-agent` inside the same Windows. Exit codes are those of Linux: -1 is 255. */
  atDevice(...args: readonly string[]): Promise<WineEnded> {
    const env = this.settings();
    return this.windows.runNode(this.windows.compiled('agent/main.js'), args, { env });
  }

  get device(): string {
    return this.deviceId;
  }

  get operator(): Operator {
    return new Operator(this.client, this.deviceId);
  }

  /** Waits until the device's record is as wanted. Resolves to it. */
  async untilDevice(what: string, holds: (device: Device) => boolean): Promise<Device> {
    let device: Device | undefined;
    await until(what, PATIENCE_MS, async () => {
      device = await this.operator.show();
      return holds(device);
    }).catch((error: unknown) => {
      throw new Error(
        `${(error as Error).message}\n${JSON.stringify(device?.observed, replacer)}\n${this.log()}`,
      );
    });
    if (!device) throw new Error('there is no record');
    return device;
  }

  private settings(): Record<string, string> {
    return {
      CORDON_AGENT_SERVER: `127.0.0.1:${this.server.managementPort}`,
      CORDON_AGENT_AGENT_SERVER: `127.0.0.1:${this.server.agentPort}`,
      CORDON_AGENT_ENFORCER: this.options.enforcer,
      CORDON_AGENT_LOG_LEVEL: 'debug',
      CORDON_AGENT_KEEPALIVE_SECONDS: '1',
      CORDON_AGENT_NOTIFY_USERS: 'false',
    };
  }

  private async newToken(): Promise<Record<string, string>> {
    const created = JSON.parse(await this.done('-o', 'json', 'enroll-token', 'create')) as { secret: string };
    return {
      CORDON_AGENT_ENROLLMENT_TOKEN: created.secret,
      CORDON_AGENT_CA_FINGERPRINT: this.server.caFingerprint,
    };
  }

  private async enrolled(): Promise<string> {
    let id = '';
    await until('the agent enrols', PATIENCE_MS, async () => {
      const request = ListDevicesRequest.fromPartial({});
      const { devices } = await this.client.call(DeviceServiceService.listDevices, request);
      id = devices[0]?.id ?? '';
      return id !== '';
    }).catch((error: unknown) => {
      throw new Error(`${(error as Error).message}\n${this.log()}`);
    });
    return id;
  }
}

const replacer = (_key: string, value: unknown): unknown => (typeof value === 'bigint' ? `${value}` : value);
