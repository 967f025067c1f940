import { countPackets, type Host } from '../site/index.js';

/** Continuous TCP and UDP between a device and a peer, both ways, over both IP versions. */
export interface Flows {
  /**
   * Packets that crossed so far, by IP version, protocol and way. `out`: every UDP packet of the device, and every TCP
   * packet but resets, which its operating system may answer with; counted by the peer's kernel as they arrive. `in`:
   * every packet of the peer that came through to the device's processes, counted behind the device's packet filter.
   */
  crossed(): Promise<ReadonlyMap<string, number>>;
  stop(): Promise<void>;
}

/**
 * Starts the flows. Both hosts must run an echo server on `port`.
 * @param allowed ports of other flows between the two, which are not counted
 */
export async function startFlows(
  device: Host,
  peer: Host,
  port: number,
  {
    intervalMs = 10,
    allowed = [],
  }: { readonly intervalMs?: number; readonly allowed?: readonly number[] } = {},
): Promise<Flows> {
  const others =
    allowed.length === 0 ? '' : ` th sport != { ${allowed.join()} } th dport != { ${allowed.join()} }`;
  const sent = await countPackets(peer, {
    udp4_out: `ip saddr ${device.v4} meta l4proto udp${others}`,
    udp6_out: `ip6 saddr ${device.v6} meta l4proto udp${others}`,
    tcp4_out: `ip saddr ${device.v4} tcp flags & rst == 0${others}`,
    tcp6_out: `ip6 saddr ${device.v6} tcp flags & rst == 0${others}`,
  });
  // A connection that the device's own filter refuses gets its reset over loopback, in the name of the peer.
  const received = await countPackets(
    device,
    {
      udp4_in: `iif != lo ip saddr ${peer.v4} meta l4proto udp${others}`,
      udp6_in: `iif != lo ip6 saddr ${peer.v6} meta l4proto udp${others}`,
      tcp4_in: `iif != lo ip saddr ${peer.v4} meta l4proto tcp${others}`,
      tcp6_in: `iif != lo ip6 saddr ${peer.v6} meta l4proto tcp${others}`,
    },
    'delivered',
  );
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
    crossed: async () => new Map([...(await sent.read()), ...(await received.read())]),
    stop: async () => {
      await Promise.all(running.map(async ({ host, id }) => (await host.tools()).call('stopStream', { id })));
      await sent.remove();
      await received.remove();
    },
  };
}

/** Sum of all counters. */
export async function total(flows: Flows): Promise<number> {
  return [...(await flows.crossed()).values()].reduce((sum, packets) => sum + packets, 0);
}
