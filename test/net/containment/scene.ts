import { setTimeout as sleep } from 'node:timers/promises';
import { Fleet } from '../fleet/fleet.js';
import { startFlows, type Flows } from '../fleet/flows.js';
import { createSite, type Host, type Site, type Toolbox } from '../site/index.js';

export { sleep };

/** Echo servers listen here on every host of the scene. */
export const ECHO_PORT = 5001;
/** Agents connect to the server here. */
export const AGENT_PORT = 7443;
/** Nothing listens here. */
export const CLOSED_PORT = 5999;
export const FAMILIES = ['v4', 'v6'] as const;

/** A real server, one device with a real agent, a host outside and one routed behind the device. */
export interface Scene {
  readonly site: Site;
  readonly fleet: Fleet;
  readonly device: Host;
  readonly outside: Host;
  readonly routed: Host;
  /** Tools of the device, of the outside host and of the routed host. */
  readonly inside: Toolbox;
  readonly beyond: Toolbox;
  readonly behind: Toolbox;
  isolate(...flags: readonly string[]): Promise<void>;
  release(): Promise<void>;
  close(): Promise<void>;
}

export interface SceneOptions {
  /** Folder of the agent's control group; absent: it has none. */
  readonly cgroup?: string;
  /** Further settings of the agent. */
  readonly environment?: Readonly<Record<string, string>>;
}

/** The agent may reach the server over both IP versions. */
export async function openScene({ cgroup, environment = {} }: SceneOptions = {}): Promise<Scene> {
  const site = createSite({ devices: 1, routed: true });
  try {
    const { server, devices, outside, routed } = site;
    const device = devices[0];
    if (!device || !routed) throw new Error('the site has no device');
    const fleet = new Fleet(server);
    await fleet.startServer();
    const places = `${server.v4}:${AGENT_PORT},[${server.v6}]:${AGENT_PORT}`;
    await fleet.startAgent(device, { CORDON_AGENT_AGENT_SERVER: places, ...environment }, cgroup);
    await fleet.untilCurrent(device.name);
    const hosts = [device, outside, routed, server];
    const tools = await Promise.all(hosts.map((host) => host.tools()));
    await Promise.all(tools.map((tool) => tool.call('echo', { port: ECHO_PORT })));
    const [inside, beyond, behind] = tools as [Toolbox, Toolbox, Toolbox];
    return {
      ...{ site, fleet, device, outside, routed, inside, beyond, behind },
      isolate: async (...flags) => {
        await fleet.cli('isolate', device.name, '--reason', 'containment test', '--wait', ...flags);
      },
      release: async () => {
        await fleet.cli('release', device.name, '--reason', 'containment test', '--wait');
      },
      close: async () => {
        await fleet.close();
        site.close();
      },
    };
  } catch (error) {
    site.close();
    throw error;
  }
}

/** Continuous traffic between the device and the host outside, both ways. */
export function startTraffic({ device, outside }: Scene): Promise<Flows> {
  return startFlows(device, outside, ECHO_PORT);
}

/** Names of the flows that did not get a packet across since `before`: with every flow running, none. */
async function silentSince(flows: Flows, before: ReadonlyMap<string, number>): Promise<readonly string[]> {
  const now = await flows.crossed();
  return [...now].filter(([name, packets]) => packets === before.get(name)).map(([name]) => name);
}

/** Waits until every flow has got a packet across since the call; the names of those that did not within the limit. */
export async function untilAllCross(flows: Flows, limitMs = 3_000): Promise<readonly string[]> {
  const before = await flows.crossed();
  const deadline = performance.now() + limitMs;
  for (;;) {
    const silent = await silentSince(flows, before);
    if (silent.length === 0 || performance.now() > deadline) return silent;
    await sleep(50);
  }
}

/**
 * Rules of the device without what changes by itself: remaining times, packets that counters have counted, and the
 * priority of our chains, which moves one step with each swap.
 */
export async function rulesOf(device: Host): Promise<string> {
  const { stdout } = await device.exec('nft', ['list', 'ruleset']);
  return stdout
    .replaceAll(/ (timeout|expires) \w+/g, '')
    .replaceAll(/packets \d+ bytes \d+/g, '')
    .replaceAll(/(hook (?:input|output)) priority [^;]+/g, '$1')
    .trim();
}

/** Ports of the other side that the device reaches, over each IP version. */
export async function reachedPorts(
  { inside, outside }: Pick<Scene, 'inside' | 'outside'>,
  ports: readonly number[],
): Promise<Record<string, number[]>> {
  const found: Record<string, number[]> = {};
  for (const family of FAMILIES) {
    const open: number[] = [];
    for (const port of ports) {
      const { outcome } = await inside.call('tcpConnect', { address: outside[family], port });
      if (outcome === 'open') open.push(port);
    }
    found[family] = open;
  }
  return found;
}
