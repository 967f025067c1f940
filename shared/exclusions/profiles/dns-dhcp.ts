import { firstVersion, IN, OUT, TCP, UDP, type ProfileData } from './profile-data.js';

const DNS_UDP = 'RFC 1035 section 4.2.1 (UDP port 53)';
const DNS_TCP = 'RFC 7766 section 5, RFC 1035 section 4.2.2 (TCP port 53)';
const DHCP = 'RFC 2131 section 4.1 (server 67, client 68)';
const DHCP_V6 = 'RFC 8415 section 7.2 (client 546, server and relay 547)';

/** Roles that a computer needs to stay manageable; on by default (seed: DNS and DHCP, server and client). */
export const DNS_DHCP_PROFILES: readonly ProfileData[] = [
  {
    id: 'dns-client',
    displayName: 'DNS client',
    description: 'The computer resolves names.',
    isDefault: true,
    versions: firstVersion([
      { name: 'DNS queries (UDP)', direction: OUT, protocol: UDP, remote: [53], source: DNS_UDP },
      { name: 'DNS queries (TCP)', direction: OUT, protocol: TCP, remote: [53], source: DNS_TCP },
    ]),
  },
  {
    id: 'dns-server',
    displayName: 'DNS server',
    description: 'The computer resolves names for others.',
    isDefault: true,
    versions: firstVersion([
      { name: 'DNS service (UDP)', direction: IN, protocol: UDP, local: [53], source: DNS_UDP },
      { name: 'DNS service (TCP)', direction: IN, protocol: TCP, local: [53], source: DNS_TCP },
    ]),
  },
  {
    id: 'dhcp-client',
    displayName: 'DHCP client',
    description: 'The computer gets its addresses by DHCP or DHCPv6, and keeps them.',
    isDefault: true,
    versions: firstVersion([
      {
        name: 'DHCP requests',
        direction: OUT,
        protocol: UDP,
        local: [68],
        remote: [67],
        source:
          'RFC 2131 section 4.1 (server 67, client 68), section 4.4.5 (renewal is unicast, rebinding broadcast)',
      },
      // The answer to a broadcast comes from an address that was not asked: to the packet filter it is a new connection.
      { name: 'DHCP answers', direction: IN, protocol: UDP, local: [68], remote: [67], source: DHCP },
      {
        name: 'DHCPv6 requests',
        direction: OUT,
        protocol: UDP,
        local: [546],
        remote: [547],
        source: DHCP_V6,
      },
      // Likewise: requests go to the group ff02::1:2.
      { name: 'DHCPv6 answers', direction: IN, protocol: UDP, local: [546], remote: [547], source: DHCP_V6 },
    ]),
  },
  {
    id: 'dhcp-server',
    displayName: 'DHCP server',
    description: 'The computer gives addresses to others by DHCP or DHCPv6, also through relays.',
    isDefault: true,
    versions: firstVersion([
      { name: 'DHCP service', direction: IN, protocol: UDP, local: [67], source: DHCP },
      {
        // Answers go to the relay's address on the client's link, which need not be the one that it asked from.
        name: 'DHCP answers to clients and relays',
        direction: OUT,
        protocol: UDP,
        local: [67],
        remote: [[67, 68]],
        source: 'RFC 2131 section 4.1 (to port 67 of the relay, else to port 68 of the client)',
      },
      { name: 'DHCPv6 service', direction: IN, protocol: UDP, local: [547], source: DHCP_V6 },
      {
        name: 'DHCPv6 answers to clients and relays',
        direction: OUT,
        protocol: UDP,
        local: [547],
        remote: [[546, 547]],
        source: DHCP_V6,
      },
    ]),
  },
];
