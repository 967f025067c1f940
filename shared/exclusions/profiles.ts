import { ExclusionDirection, ExclusionProfile, type Exclusion } from '../gen/cordon/v1/exclusion.js';

const TCP = 6;
const UDP = 17;
const { EXCLUSION_DIRECTION_INBOUND: IN, EXCLUSION_DIRECTION_OUTBOUND: OUT } = ExclusionDirection;

interface Rule {
  readonly name: string;
  readonly direction: ExclusionDirection;
  readonly protocol: number;
  readonly local?: number;
  readonly remote?: number;
  readonly remoteAddresses?: readonly string[];
}

interface ProfileData {
  readonly id: string;
  readonly displayName: string;
  readonly version: number;
  readonly isDefault: boolean;
  readonly references: readonly string[];
  readonly rules: readonly Rule[];
}

/** Standard profiles as data: the RFC of each port beside it. */
const PROFILES: readonly ProfileData[] = [
  {
    id: 'dns-client',
    displayName: 'DNS client',
    version: 1,
    isDefault: true,
    references: ['RFC 1035 section 4.2 (port 53, UDP and TCP)', 'RFC 7766 (DNS over TCP)'],
    rules: [
      { name: 'DNS queries (UDP)', direction: OUT, protocol: UDP, remote: 53 },
      { name: 'DNS queries (TCP)', direction: OUT, protocol: TCP, remote: 53 },
    ],
  },
  {
    id: 'dns-server',
    displayName: 'DNS server',
    version: 1,
    isDefault: true,
    references: ['RFC 1035 section 4.2 (port 53, UDP and TCP)', 'RFC 7766 (DNS over TCP)'],
    rules: [
      { name: 'DNS service (UDP)', direction: IN, protocol: UDP, local: 53 },
      { name: 'DNS service (TCP)', direction: IN, protocol: TCP, local: 53 },
    ],
  },
  {
    id: 'dhcp-client',
    displayName: 'DHCP client',
    version: 1,
    isDefault: true,
    references: [
      'RFC 2131 section 4.1 (ports 67 and 68; section 4.4.5: renewal is unicast)',
      'RFC 8415 section 7.2 (ports 546 and 547)',
    ],
    rules: [
      { name: 'DHCP requests', direction: OUT, protocol: UDP, local: 68, remote: 67 },
      // An answer from another address than the one asked (relay, broadcast) is a flow of its own.
      { name: 'DHCP answers', direction: IN, protocol: UDP, local: 68, remote: 67 },
      { name: 'DHCPv6 requests', direction: OUT, protocol: UDP, local: 546, remote: 547 },
      { name: 'DHCPv6 answers', direction: IN, protocol: UDP, local: 546, remote: 547 },
    ],
  },
  {
    id: 'dhcp-server',
    displayName: 'DHCP server',
    version: 1,
    isDefault: true,
    references: [
      'RFC 2131 section 4.1 (ports 67 and 68; relays send from port 67)',
      'RFC 8415 section 7.2 (ports 546 and 547)',
    ],
    rules: [
      { name: 'DHCP service', direction: IN, protocol: UDP, local: 67 },
      { name: 'DHCP offers to clients', direction: OUT, protocol: UDP, local: 67, remote: 68 },
      { name: 'DHCPv6 service', direction: IN, protocol: UDP, local: 547 },
      { name: 'DHCPv6 answers to clients', direction: OUT, protocol: UDP, local: 547, remote: 546 },
    ],
  },
];

function toExclusion(profile: ProfileData, rule: Rule): Exclusion {
  const port = (number: number | undefined): { first: number; last: number }[] =>
    number === undefined ? [] : [{ first: number, last: number }];
  return {
    name: rule.name,
    description: '',
    disabled: false,
    direction: rule.direction,
    protocol: rule.protocol,
    localPorts: port(rule.local),
    remotePorts: port(rule.remote),
    localAddresses: [],
    remoteAddresses: [...(rule.remoteAddresses ?? [])],
    remoteHost: '',
    application: undefined,
    source: { profileId: profile.id, version: profile.version },
  };
}

/** Every standard profile in its newest version. */
export function standardProfiles(): ExclusionProfile[] {
  return PROFILES.map((profile) =>
    ExclusionProfile.fromPartial({
      id: profile.id,
      displayName: profile.displayName,
      version: profile.version,
      isDefault: profile.isDefault,
      references: [...profile.references],
      exclusions: profile.rules.map((rule) => toExclusion(profile, rule)),
    }),
  );
}

/** What a new task or policy excludes (seed: DNS and DHCP, client and server). */
export function defaultExclusions(): Exclusion[] {
  return standardProfiles()
    .filter((profile) => profile.isDefault)
    .flatMap((profile) => profile.exclusions);
}
