import { isEndpoint, matches, type Flow, type FlowAddress, type Opener } from './matching.js';
import type { Plan, RuleApplication } from './plan.js';

/**
 * What docs/security.md says of a packet, as a pure function: the reference that a packet filter is compared with. It is
 * written from that page and knows nothing of how a platform renders its rules.
 */

export interface TcpFlags {
  readonly syn: boolean;
  readonly ack: boolean;
  readonly fin: boolean;
  readonly rst: boolean;
}

export type Transport =
  | {
      readonly protocol: 'tcp';
      readonly localPort: number;
      readonly remotePort: number;
      readonly flags: TcpFlags;
    }
  | { readonly protocol: 'udp'; readonly localPort: number; readonly remotePort: number }
  | { readonly protocol: 'icmp' | 'icmpv6'; readonly type: number }
  /** Any other IANA number. */
  | { readonly protocol: 'other'; readonly number: number };

/** One packet at this computer. */
export interface Packet {
  readonly way: 'in' | 'out';
  /** Of one IP version, which is the packet's. */
  readonly local: FlowAddress;
  readonly remote: FlowAddress;
  readonly transport: Transport;
  /** Between two addresses of this computer. */
  readonly loopback: boolean;
  /** Who sent the first packet of the exchange that it belongs to; `unknown` where nobody keeps track of it. */
  readonly openedBy: Opener | 'unknown';
  /** Whether it is sent by the agent's own programs, as far as the platform can tell. */
  readonly isAgents: boolean;
  /** Whether a program owns it and the platform can tell, if `openedBy` opened it. */
  readonly belongsTo: (application: RuleApplication, openedBy: Opener) => boolean;
}

export type Verdict = { readonly kind: 'accept'; readonly by: AcceptedBy } | { readonly kind: 'block' };

/** Sections of docs/security.md. */
export type AcceptedBy =
  | { readonly section: 'not-isolated' | 'loopback' | 'icmp' | 'own-channel' | 'reset' }
  | { readonly section: 'exclusion'; readonly name: string };

/** @param plan undefined: not isolated */
export function judge(plan: Plan | undefined, packet: Packet): Verdict {
  if (plan === undefined) return accept('not-isolated');
  if (packet.loopback) return accept('loopback');
  if (isSystemIcmp(packet)) return accept('icmp');
  if (isOwnChannel(plan, packet)) return accept('own-channel');
  for (const openedBy of possibleOpeners(packet)) {
    const flow = flowOf(packet, openedBy);
    const rule = plan.rules.find((candidate) => matches(candidate, flow));
    if (rule) return { kind: 'accept', by: { section: 'exclusion', name: rule.name } };
  }
  return isOutgoingReset(packet) ? accept('reset') : { kind: 'block' };
}

function accept(section: Exclude<AcceptedBy['section'], 'exclusion'>): Verdict {
  return { kind: 'accept', by: { section } };
}

/** Section 2. Types that both ways have, those that only come in, and those that only go out. */
const ICMP_TYPES = { both: [3, 5, 11, 12], in: [8, 13], out: [0, 14] } as const;
const ICMPV6_TYPES = {
  both: [1, 2, 3, 4, 130, 131, 132, 133, 134, 135, 136, 137, 143],
  in: [128],
  out: [129],
} as const;

function isSystemIcmp({ transport, way, remote }: Packet): boolean {
  if (transport.protocol !== 'icmp' && transport.protocol !== 'icmpv6') return false;
  if ((transport.protocol === 'icmpv6') !== (remote.family === 6)) return false;
  const types: Readonly<Record<'both' | 'in' | 'out', readonly number[]>> =
    transport.protocol === 'icmp' ? ICMP_TYPES : ICMPV6_TYPES;
  return types.both.includes(transport.type) || types[way].includes(transport.type);
}

/** Section 3. */
function isOwnChannel(plan: Plan, { transport, way, remote, isAgents }: Packet): boolean {
  if (transport.protocol !== 'tcp') return false;
  const isServer = plan.serverEndpoints.some((endpoint) =>
    isEndpoint(endpoint, remote, transport.remotePort),
  );
  return isServer && (way === 'out' ? isAgents : !opens(transport.flags));
}

/** Section 4: a TCP packet that opens nothing may belong to a connection of either side. */
function possibleOpeners({ transport, way, openedBy }: Packet): readonly Opener[] {
  if (transport.protocol === 'tcp') {
    if (!opens(transport.flags)) return ['this-computer', 'other-side'];
    return [way === 'out' ? 'this-computer' : 'other-side'];
  }
  return openedBy === 'unknown' ? [] : [openedBy];
}

function opens({ syn, ack }: TcpFlags): boolean {
  return syn && !ack;
}

/** Section 5. */
function isOutgoingReset({ transport, way }: Packet): boolean {
  if (transport.protocol !== 'tcp' || way !== 'out') return false;
  const { rst, syn, fin } = transport.flags;
  return rst && !syn && !fin;
}

function flowOf({ transport, local, remote, belongsTo }: Packet, openedBy: Opener): Flow {
  const hasPorts = transport.protocol === 'tcp' || transport.protocol === 'udp';
  return {
    openedBy,
    protocol: protocolNumber(transport),
    local,
    remote,
    localPort: hasPorts ? transport.localPort : undefined,
    remotePort: hasPorts ? transport.remotePort : undefined,
    belongsTo: (application) => belongsTo(application, openedBy),
  };
}

/** IANA number. */
export function protocolNumber(transport: Transport): number {
  switch (transport.protocol) {
    case 'tcp':
      return 6;
    case 'udp':
      return 17;
    case 'icmp':
      return 1;
    case 'icmpv6':
      return 58;
    case 'other':
      return transport.number;
  }
}
