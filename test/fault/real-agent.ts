import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { pino } from 'pino';
import { startAgent, type RunningAgent } from '../../agent/agent.js';
import { completed, configSchema } from '../../agent/config.js';
import type { Applied } from '../../agent/enforce/enforcer.js';
import type { Plan } from '../../agent/enforce/plan.js';
import { RecordingEnforcer } from '../../agent/enforce/recording.js';
import { systemClock, type Clock } from '../../shared/clock.js';
import {
  CreateEnrollmentTokenRequest,
  DeviceServiceService,
} from '../../shared/gen/cordon/v1/device_service.js';
import type { ManagementClient } from './real-server.js';

/** What an agent needs to know of a server. */
export interface ServerPlace {
  readonly agentPort: number;
  readonly managementPort: number;
  readonly caFingerprint: string;
}

/** Remembers every order that reached the packet filter, oldest first. */
class HistoryEnforcer extends RecordingEnforcer {
  /** Isolation ids; '' stands for a release. */
  readonly history: string[] = [];

  override apply(plan: Plan): Promise<Applied> {
    this.history.push(plan.isolationId);
    return super.apply(plan);
  }

  override clear(): Promise<void> {
    this.history.push('');
    return super.clear();
  }
}

export interface AgentSettings {
  /** Where the agent port is looked for. Default: where it is. */
  readonly agentPort?: number;
  /** Default 1 s. */
  readonly keepaliveSeconds?: number;
  readonly clock?: Clock;
  readonly random?: () => number;
}

/** The whole agent in this process, with the recording enforcer, on a folder that outlives it. */
export class RealAgent {
  private agent: RunningAgent | undefined;
  private readonly enforcer = new HistoryEnforcer();
  private text = '';

  private constructor(
    readonly folder: string,
    private readonly server: ServerPlace,
    private readonly settings: AgentSettings,
  ) {}

  /** Enrols with a token of its own and starts. */
  static async enrol(
    client: ManagementClient,
    server: ServerPlace,
    settings: AgentSettings = {},
  ): Promise<RealAgent> {
    const request = CreateEnrollmentTokenRequest.fromPartial({ maxUses: 1 });
    const { secret } = await client.call(DeviceServiceService.createEnrollmentToken, request);
    const agent = new RealAgent(mkdtempSync(join(tmpdir(), 'cordon-agent-test-')), server, settings);
    await agent.start(secret);
    return agent;
  }

  /** An agent that has been enrolled before, on its folder; `start` starts it. */
  static existing(folder: string, server: ServerPlace, settings: AgentSettings = {}): RealAgent {
    return new RealAgent(folder, server, settings);
  }

  async start(token?: string): Promise<void> {
    const { server, settings } = this;
    const config = completed(
      configSchema.parse({
        server: `127.0.0.1:${server.managementPort}`,
        agent_server: `127.0.0.1:${settings.agentPort ?? server.agentPort}`,
        data_dir: this.folder,
        control_socket: join(this.folder, 'control.sock'),
        keepalive_seconds: settings.keepaliveSeconds ?? 1,
        ca_fingerprint: server.caFingerprint,
        enrollment_token: token,
      }),
    );
    if (!config) throw new Error('the configuration of the agent is not complete');
    const sink = new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        this.text += chunk.toString();
        done();
      },
    });
    this.agent = await startAgent(config, {
      clock: settings.clock ?? systemClock,
      log: pino({ level: 'info' }, sink),
      enforcer: this.enforcer,
      random: settings.random ?? Math.random,
    });
  }

  get running(): RunningAgent {
    if (!this.agent) throw new Error('the agent does not run');
    return this.agent;
  }

  get id(): string {
    return this.running.deviceId;
  }

  /** Every order that reached the packet filter, oldest first: isolation ids, '' for a release. */
  get history(): readonly string[] {
    return this.enforcer.history;
  }

  /** Everything that it has logged. */
  get log(): string {
    return this.text;
  }

  /** Stops and keeps the folder. */
  async stop(): Promise<void> {
    await this.agent?.stop();
    this.agent = undefined;
  }

  async close(): Promise<void> {
    await this.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
