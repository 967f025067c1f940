import { must } from '../site/run.js';
import { flowAddress, linuxKnows, type Opener } from '../../../agent/enforce/matching.js';
import { judge, type Packet, type Transport } from '../../../agent/enforce/model.js';
import type { Plan } from '../../../agent/enforce/plan.js';
import { DeviceAgent } from '../enforcer/device-agent.js';
import { createSite, type Host, type Site } from '../site/index.js';
import { LOCAL, REMOTE } from '../../vectors/generators.js';
import { Prober, type WirePacket } from './prober.js';

/** A packet between the device and the computer outside, without its id. */
export interface Probe {
  readonly way: 'in' | 'out';
  readonly local: string;
  readonly remote: string;
  readonly transport: Transport;
  /** Sent from the control group of the field. */
  readonly member?: boolean;
}

/** A device under real rules, a computer outside, and hands to send single packets from both. */
export interface Field {
  readonly site: Site;
  readonly device: Host;
  readonly agent: DeviceAgent;
  /**
   * Sends each probe, all that go out before all that come in, and says which were delivered to the other side. A probe
   * of ours that nothing blocks closes each batch, so nothing has to be waited for.
   */
  deliver(probes: readonly Probe[]): Promise<boolean[]>;
  /** Connection tracking forgets what it saw. */
  forget(): void;
  close(): Promise<void>;
}

/** @param cgroup control group of probes that are a `member`; absent: there are none */
export async function openField(cgroup?: { readonly folder: string }): Promise<Field> {
  const site = createSite({ devices: 1, routed: false });
  try {
    return await fieldOf(site, cgroup);
  } catch (error) {
    site.close();
    throw error;
  }
}

async function fieldOf(site: Site, cgroup?: { readonly folder: string }): Promise<Field> {
  const device = site.devices[0];
  if (!device) throw new Error('the site has no device');
  const add = (host: Host, addresses: readonly string[]): void => {
    for (const address of addresses) {
      const bits = address.includes(':') ? 64 : 24;
      const words = ['-n', host.namespace, 'addr', 'add', `${address}/${bits}`, 'dev', 'eth0'];
      must('ip', address.includes(':') ? ['-6', ...words, 'nodad'] : words);
    }
  };
  for (const family of [4, 6] as const) {
    add(device, LOCAL[family].slice(1));
    add(site.outside, REMOTE[family].slice(1));
  }
  const agent = await DeviceAgent.start(device);
  const inside = await Prober.start(device);
  const member = cgroup === undefined ? undefined : await Prober.start(device, cgroup.folder);
  const outside = await Prober.start(site.outside);
  let ids = 0;

  /** What the operating system answers with, which passes always. */
  const last = (way: 'in' | 'out'): Probe => ({
    way,
    local: LOCAL[4][0],
    remote: REMOTE[4][0],
    transport: { protocol: 'icmp', type: way === 'in' ? 8 : 0 },
  });

  const batch = async (way: 'in' | 'out', probes: readonly Probe[]): Promise<boolean[]> => {
    const packets = [...probes, last(way)].map((probe) => ({ probe, wire: wireOf(probe, (ids += 1)) }));
    if (way === 'in') await outside.send(packets.map(({ wire }) => wire));
    else {
      const [own, others] = [true, false].map((wanted) =>
        packets.filter(({ probe }) => (probe.member ?? false) === wanted).map(({ wire }) => wire),
      );
      if (own && own.length > 0) await member?.send(own);
      await inside.send(others ?? []);
    }
    const heard = await (way === 'in' ? inside : outside).hear(ids);
    return packets.slice(0, -1).map(({ wire }) => heard.has(wire.id));
  };

  return {
    site,
    device,
    agent,
    deliver: async (probes) => {
      const delivered = new Map<Probe, boolean>();
      for (const way of ['out', 'in'] as const) {
        const those = probes.filter((probe) => probe.way === way);
        if (those.length === 0) continue;
        for (const [index, was] of (await batch(way, those)).entries()) {
          const probe = those[index];
          if (probe) delivered.set(probe, was);
        }
      }
      return probes.map((probe) => delivered.get(probe) ?? false);
    },
    forget: () => must('nsenter', [`--net=/run/netns/${device.namespace}`, '--', 'conntrack', '-F']),
    close: async () => {
      await Promise.all([inside.close(), outside.close(), member?.close(), agent.kill()]);
      site.close();
    },
  };
}

/** What the model says of probes, in the order in which `deliver` sends them; it remembers who opened what. */
export class Judge {
  private readonly openers = new Map<string, Opener>();

  constructor(
    private readonly plan: Plan,
    private readonly cgroup: string | undefined,
  ) {}

  judge(probe: Probe): boolean {
    const key = this.keyOf(probe);
    const openedBy = this.openerOf(probe, key);
    const verdict = judge(this.plan, this.packetOf(probe, openedBy));
    if (verdict.kind === 'accept' && openedBy !== 'unknown' && !this.openers.has(key))
      this.openers.set(key, openedBy);
    return verdict.kind === 'accept';
  }

  private packetOf(probe: Probe, openedBy: Packet['openedBy']): Packet {
    const local = flowAddress(probe.local);
    const remote = flowAddress(probe.remote);
    if (!local || !remote) throw new Error('a probe without addresses');
    return {
      way: probe.way,
      local,
      remote,
      transport: probe.transport,
      loopback: false,
      openedBy,
      isAgents: false,
      // A packet made by hand that comes in belongs to no socket.
      belongsTo: (application, opener) =>
        linuxKnows(application, opener) &&
        probe.way === 'out' &&
        probe.member === true &&
        application.kind === 'cgroup' &&
        (this.cgroup === application.path || this.cgroup?.startsWith(`${application.path}/`) === true),
    };
  }

  private openerOf({ way, transport }: Probe, key: string): Opener | 'unknown' {
    const known = this.openers.get(key);
    if (known) return known;
    // The answer to a question that nobody asked.
    if (transport.protocol === 'icmp' && transport.type === 0) return 'unknown';
    if (transport.protocol === 'icmpv6' && transport.type === 129) return 'unknown';
    return way === 'out' ? 'this-computer' : 'other-side';
  }

  /** What connection tracking tells exchanges apart by. Each echo has an identifier of its own. */
  private keyOf({ local, remote, transport, way }: Probe): string {
    const addresses = `${local} ${remote} ${transport.protocol}`;
    switch (transport.protocol) {
      case 'tcp':
      case 'udp':
        return `${addresses} ${transport.localPort} ${transport.remotePort}`;
      case 'icmp':
      case 'icmpv6':
        return `${addresses} ${way} ${transport.type}`;
      case 'other':
        return `${addresses} ${transport.number}`;
    }
  }
}

function wireOf({ way, local, remote, transport }: Probe, id: number): WirePacket {
  const ends = way === 'out' ? { from: local, to: remote } : { from: remote, to: local };
  switch (transport.protocol) {
    case 'tcp': {
      const { syn, ack, fin, rst } = transport.flags;
      const flags = (fin ? 1 : 0) | (syn ? 2 : 0) | (rst ? 4 : 0) | (ack ? 16 : 0);
      return { id, ...ends, protocol: 6, flags, ...portsOf(transport, way) };
    }
    case 'udp':
      return { id, ...ends, protocol: 17, ...portsOf(transport, way) };
    case 'icmp':
      return { id, ...ends, protocol: 1, type: transport.type };
    case 'icmpv6':
      return { id, ...ends, protocol: 58, type: transport.type };
    case 'other':
      return { id, ...ends, protocol: transport.number };
  }
}

function portsOf(
  { localPort, remotePort }: { localPort: number; remotePort: number },
  way: 'in' | 'out',
): { sourcePort: number; targetPort: number } {
  return way === 'out'
    ? { sourcePort: localPort, targetPort: remotePort }
    : { sourcePort: remotePort, targetPort: localPort };
}
