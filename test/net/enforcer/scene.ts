import type { Plan } from '../../../agent/enforce/plan.js';
import type { Exclusion } from '../../../shared/gen/cordon/v1/exclusion.js';
import { createSite, type Host, type Site, type Toolbox } from '../site/index.js';
import { DeviceAgent } from './device-agent.js';
import { planFor, SERVER_PORT } from './plan-for.js';

/** Echo servers listen on these two, on every host of the scene. */
export const PORT = 5001;
export const OTHER_PORT = 5002;
export const FAMILIES = ['v4', 'v6'] as const;
export type Family = (typeof FAMILIES)[number];

export const TCP = 6;
export const UDP = 17;
export const port = (number: number): { first: number; last: number }[] => [{ first: number, last: number }];

/** What new flows between the device and the host outside come to, over one IP version. */
export interface Attempts {
  readonly connectOut: (port?: number) => Promise<string>;
  readonly connectIn: (port?: number) => Promise<string>;
  /** True: answered. */
  readonly udpOut: (port?: number) => Promise<boolean>;
  readonly udpIn: (port?: number) => Promise<boolean>;
}

/** A device with an enforcer in a process of its own, a host outside, one routed behind the device, and a server. */
export class Scene {
  private running: DeviceAgent | undefined;

  private constructor(
    readonly site: Site,
    readonly device: Host,
    /** Tools of the device. */
    readonly inside: Toolbox,
    /** Tools of the host outside. */
    readonly outside: Toolbox,
  ) {}

  static async open(): Promise<Scene> {
    const site = createSite({ devices: 1, routed: true });
    try {
      const [device] = site.devices;
      if (!device || !site.routed) throw new Error('the site has no device');
      const hosts = [device, site.outside, site.server, site.routed];
      const tools = await Promise.all(hosts.map((host) => host.tools()));
      const [inside, outside, server] = tools as [Toolbox, Toolbox, Toolbox];
      await Promise.all(
        tools.flatMap((tool) => [PORT, OTHER_PORT].map((each) => tool.call('echo', { port: each }))),
      );
      await server.call('echo', { port: SERVER_PORT });
      return new Scene(site, device, inside, outside);
    } catch (error) {
      site.close();
      throw error;
    }
  }

  get agent(): DeviceAgent {
    if (!this.running) throw new Error('no enforcer runs');
    return this.running;
  }

  /** Also after the one before has been killed. */
  async startAgent(): Promise<void> {
    this.running = await DeviceAgent.start(this.device);
  }

  async endAgent(): Promise<void> {
    await this.agent.clear();
    await this.agent.kill();
  }

  /** @param expiresInMs time to the kernel's own release; absent: never */
  readonly plan = (exclusions: readonly Partial<Exclusion>[] = [], expiresInMs?: number): Plan =>
    planFor(this.site, exclusions, expiresInMs === undefined ? {} : { expiresInMs });

  over(family: Family): Attempts {
    const { device, inside, outside, site } = this;
    const connect = async (tools: Toolbox, address: string, to: number): Promise<string> =>
      (await tools.call('tcpConnect', { address, port: to })).outcome;
    const ask = async (tools: Toolbox, address: string, to: number): Promise<boolean> =>
      (await tools.call('udpExchange', { address, port: to, timeoutMs: 250 })).answered;
    return {
      connectOut: (to = PORT) => connect(inside, site.outside[family], to),
      connectIn: (to = PORT) => connect(outside, device[family], to),
      udpOut: (to = PORT) => ask(inside, site.outside[family], to),
      udpIn: (to = PORT) => ask(outside, device[family], to),
    };
  }

  close(): void {
    this.site.close();
  }
}
