import { countPackets, type Host, type PacketCounters } from '../site/index.js';

/** Echo servers listen here. */
export const ECHO_PORT = 5001;
const EVERY_MS = 50;
const FAMILIES = ['v4', 'v6'] as const;

interface Sample {
  readonly atMs: number;
  readonly packets: ReadonlyMap<string, number>;
}

/**
 * UDP between each of some devices and one host, both ways and over both IP versions, counted by that host's kernel as it
 * arrives: when which flow was blocked, and when it came through again. What arrives from a device is its own packets, and
 * its answers to packets that came through to it.
 */
export class CrossingWatch {
  private readonly samples: Sample[] = [];
  private running = true;
  private readonly done: Promise<void>;

  private constructor(private readonly counters: PacketCounters) {
    this.done = this.sample();
  }

  static async start(outside: Host, devices: readonly Host[]): Promise<CrossingWatch> {
    const counting = devices.flatMap((device) =>
      FAMILIES.flatMap((family) => {
        const from = `${family === 'v4' ? 'ip' : 'ip6'} saddr ${device[family]}`;
        return [
          [flowName(device, family, 'out'), `${from} udp dport ${ECHO_PORT}`],
          [flowName(device, family, 'in'), `${from} udp sport ${ECHO_PORT}`],
        ];
      }),
    );
    const counters = await countPackets(outside, Object.fromEntries(counting) as Record<string, string>);
    const beyond = await outside.tools();
    await beyond.call('echo', { port: ECHO_PORT });
    const udp = { protocol: 'udp', port: ECHO_PORT, intervalMs: EVERY_MS } as const;
    const begin = async (device: Host): Promise<void> => {
      const inside = await device.tools();
      await inside.call('echo', { port: ECHO_PORT });
      for (const family of FAMILIES) {
        await inside.call('startStream', { ...udp, address: outside[family] });
        await beyond.call('startStream', { ...udp, address: device[family] });
      }
    };
    await Promise.all(devices.map(begin));
    return new CrossingWatch(counters);
  }

  /** When each flow of a device first got a packet across after a moment (`performance.now`); Infinity: not yet. */
  firstSince(device: Host, sinceMs: number): ReadonlyMap<string, number> {
    const names = FAMILIES.flatMap((family) => [
      flowName(device, family, 'out'),
      flowName(device, family, 'in'),
    ]);
    const start = this.samples.findIndex(({ atMs }) => atMs >= sinceMs);
    return new Map(
      names.map((name) => {
        const before = this.samples[start]?.packets.get(name);
        const crossed = this.samples.slice(start).find(({ packets }) => packets.get(name) !== before);
        return [name, crossed?.atMs ?? Infinity];
      }),
    );
  }

  async stop(): Promise<void> {
    this.running = false;
    await this.done;
  }

  private async sample(): Promise<void> {
    while (this.running) {
      // A packet that is counted during the reading may be in it: the moment before is the one that never says too late.
      const atMs = performance.now();
      this.samples.push({ atMs, packets: await this.counters.read() });
      await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
    }
  }
}

function flowName(device: Host, family: string, way: 'in' | 'out'): string {
  return `${device.name}_${family}_${way}`;
}
