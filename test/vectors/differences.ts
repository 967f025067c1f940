import type { Packet } from '../../agent/enforce/model.js';

/** Where one plan does not have the same effect on both platforms. docs/security.md has the same list. */
export interface Difference {
  /** As docs/security.md names it. */
  readonly title: string;
  readonly reason: string;
  /** Packets that it is about. Absent: what a model of single packets does not show. */
  readonly about?: (packet: Packet) => boolean;
}

const ICMP_REPLIES = { icmp: [0, 14], icmpv6: [129] } as const;
const ICMP_ERRORS = { icmp: [3, 4, 11, 12], icmpv6: [1, 2, 3, 4] } as const;

export const DIFFERENCES: readonly Difference[] = [
  {
    title: 'ICMP errors',
    reason: 'no ALE layer sees them, in or out: on Windows all of them pass',
    about: (packet) => isIcmp(packet, ICMP_ERRORS),
  },
  {
    title: 'ICMP replies that nobody asked for',
    reason:
      'ALE takes one for the opening of a flow: going out it is blocked on Windows and passes on Linux, coming in an exclusion for inbound ICMP lets it pass on Windows and nothing does on Linux',
    about: (packet) => isIcmp(packet, ICMP_REPLIES),
  },
  {
    title: 'TCP packets that open nothing',
    reason:
      'ALE decides about connections, nftables about packets: where there is no connection Windows answers them itself with a reset or not at all',
    about: ({ transport }) => transport.protocol === 'tcp' && (!transport.flags.syn || transport.flags.ack),
  },
  {
    title: 'The answer to a blocked connection',
    reason:
      'towards a port that is open Windows says nothing; towards one that is closed it answers as ever, with a reset or, for UDP, an ICMP error. Linux sends a reset for both, and nothing for UDP',
  },
  {
    title: 'Errors of local programs',
    reason: 'connect() fails with WSAEACCES on Windows, with "connection refused" on Linux',
  },
  {
    title: 'Programs',
    reason:
      'Windows knows executables and services, for both directions; Linux knows control groups and units, for connections that it opens',
  },
  {
    title: "The agent's own channel",
    reason:
      'Windows binds it to executable and service and needs nothing for the way back; Linux binds it to a control group and lets packets of the server in that open nothing',
  },
  {
    title: 'Multicast and broadcast',
    reason:
      'for four seconds after a multicast or broadcast packet that may go out, Windows lets answers of any address in; Linux wants an exclusion for inbound traffic',
  },
  {
    title: 'Length of an exchange without connections',
    reason: 'UDP and ICMP flows end after 60 s of silence on Windows, after 30 s to 120 s on Linux',
  },
  {
    title: 'Ranges that cross each other',
    reason: 'a filter of WFP takes any ranges; the sets of nftables are limited to 128',
  },
  {
    title: 'Below the packet filter',
    reason:
      'packet sockets on Linux, drivers of network adapters (packet capture, virtual machines) on Windows',
  },
  {
    title: 'Other products',
    reason:
      "on Windows others may block what exclusions allow, but the agent's own channel only by the veto of a driver; on Linux they may block everything; on neither do they permit what is blocked here",
  },
  {
    title: 'Before the agent runs',
    reason:
      'on Windows filters of boot time hold from the start of the network stack; on Linux a service puts the rules back before the network comes up',
  },
  {
    title: 'Release without an agent',
    reason: 'WFP has no clock: a deadline that passes while the agent is dead is kept when it starts again',
  },
];

/** The first difference that a packet meets. */
export function differenceOf(packet: Packet): Difference | undefined {
  return DIFFERENCES.find(({ about }) => about?.(packet));
}

function isIcmp(
  { transport }: Packet,
  types: Readonly<Record<'icmp' | 'icmpv6', readonly number[]>>,
): boolean {
  if (transport.protocol !== 'icmp' && transport.protocol !== 'icmpv6') return false;
  return types[transport.protocol].includes(transport.type);
}
