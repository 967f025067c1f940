import { countPackets, type Host } from '../site/index.js';

/** Continuous TCP and UDP between a device and a peer, both ways, over both IP versions. */
export interface Flows {
  /**
   * Packets that the device's processes got across to the peer so far: every UDP packet, and every TCP packet but
   * resets, which the operating system may answer with. Counted by the peer's kernel as they arrive.
   */
  crossed(): Promise<ReadonlyMap<string, number>>;
  stop(): Promise<void>;
}

/** Starts the flows. Both hosts must run an echo server on `port`. */
export async function startFlows(device: Host, peer: Host, port: number, intervalMs = 10): Promise<Flows> {
  const counters = await countPackets(peer, {
    udp4: `ip saddr ${device.v4} meta l4proto udp`,
    udp6: `ip6 saddr ${device.v6} meta l4proto udp`,
    tcp4: `ip saddr ${device.v4} tcp flags & rst == 0`,
    tcp6: `ip6 saddr ${device.v6} tcp flags & rst == 0`,
  });
  const running: { host: Host; id: number }[] = [];
  for (const [from, to] of [
    [device, peer],
    [peer, device],
  ] as const) {
    const tools = await from.tools();
    for (const protocol of ['tcp', 'udp'] as const) {
      for (const address of [to.v4, to.v6]) {
        const { id } = await tools.call('startStream', { protocol, address, port, intervalMs });
        running.push({ host: from, id });
      }
    }
  }
  return {
    crossed: () => counters.read(),
    stop: async () => {
      for (const { host, id } of running) await (await host.tools()).call('stopStream', { id });
      await counters.remove();
    },
  };
}

/** Sum of all counters. */
export async function total(flows: Flows): Promise<number> {
  return [...(await flows.crossed()).values()].reduce((sum, packets) => sum + packets, 0);
}
