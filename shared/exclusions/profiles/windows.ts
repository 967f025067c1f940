import { firstVersion, OUT, TCP, UDP, type ProfileData, type RuleData } from './profile-data.js';

const WINDOWS_PORTS =
  'Microsoft, port requirements: https://learn.microsoft.com/troubleshoot/windows-server/networking/service-overview-and-network-port-requirements';
const KERBEROS = 'RFC 4120 section 7.2 (UDP and TCP port 88)';
const KPASSWD = 'RFC 3244 section 2 (UDP and TCP port 464)';
const SMB = 'Microsoft, [MS-SMB2] section 2.1 (TCP port 445)';

/** Programs of Windows Update run in these services, so that no other program gets a way to the web. */
const updateRule = (name: string, windowsService: string): RuleData => ({
  name,
  direction: OUT,
  protocol: TCP,
  remote: [80, 443, 8530, 8531],
  windowsService,
  source:
    'Microsoft, WSUS: https://learn.microsoft.com/windows-server/administration/windows-server-update-services/deploy/2-configure-wsus (Microsoft Update 80 and 443, WSUS 8530 and 8531)',
});

/** What Windows computers and domain members need. */
export const WINDOWS_PROFILES: readonly ProfileData[] = [
  {
    id: 'domain-member',
    displayName: 'Domain member (Kerberos, LDAP)',
    description:
      'People log in with domain accounts and group policy is read; narrow the remote addresses to the domain controllers.',
    isDefault: false,
    versions: firstVersion([
      { name: 'Kerberos (UDP)', direction: OUT, protocol: UDP, remote: [88], source: KERBEROS },
      { name: 'Kerberos (TCP)', direction: OUT, protocol: TCP, remote: [88], source: KERBEROS },
      { name: 'Kerberos passwords (UDP)', direction: OUT, protocol: UDP, remote: [464], source: KPASSWD },
      { name: 'Kerberos passwords (TCP)', direction: OUT, protocol: TCP, remote: [464], source: KPASSWD },
      {
        name: 'LDAP (UDP)',
        description: 'How a member finds a domain controller of its site.',
        direction: OUT,
        protocol: UDP,
        remote: [389],
        source: 'Microsoft, [MS-ADTS] section 6.3.3 (LDAP ping, UDP port 389)',
      },
      {
        name: 'LDAP (TCP)',
        direction: OUT,
        protocol: TCP,
        remote: [389],
        source: 'RFC 4511 section 5.2 (TCP port 389)',
      },
      { name: 'LDAPS', direction: OUT, protocol: TCP, remote: [636], source: WINDOWS_PORTS },
      {
        name: 'Global catalog',
        direction: OUT,
        protocol: TCP,
        remote: [[3268, 3269]],
        source: WINDOWS_PORTS,
      },
      { name: 'SYSVOL and NETLOGON (SMB)', direction: OUT, protocol: TCP, remote: [445], source: SMB },
      {
        name: 'Time of the domain (NTP)',
        direction: OUT,
        protocol: UDP,
        remote: [123],
        source: 'RFC 5905 section 7.2 (UDP port 123)',
      },
    ]),
  },
  {
    // A profile of its own: a quarter of all ports of every computer should not come along with a log-in.
    id: 'domain-member-rpc',
    displayName: 'Domain member (RPC)',
    description:
      'Netlogon, LSA and other RPC services of domain controllers; wide, so narrow the remote addresses to them.',
    isDefault: false,
    versions: firstVersion([
      { name: 'RPC endpoint mapper', direction: OUT, protocol: TCP, remote: [135], source: WINDOWS_PORTS },
      {
        name: 'RPC dynamic ports',
        direction: OUT,
        protocol: TCP,
        remote: [[49152, 65535]],
        source: WINDOWS_PORTS,
      },
    ]),
  },
  {
    id: 'smb-client',
    displayName: 'SMB client',
    description: 'The computer uses file shares and printers of others, without NetBIOS.',
    isDefault: false,
    versions: firstVersion([
      { name: 'File shares (SMB)', direction: OUT, protocol: TCP, remote: [445], source: SMB },
    ]),
  },
  {
    id: 'windows-update',
    displayName: 'Windows Update and WSUS',
    description:
      'The update services of Windows, and no other program, reach Microsoft Update or a WSUS server.',
    isDefault: false,
    versions: firstVersion([
      updateRule('Windows Update service', 'wuauserv'),
      updateRule('Background transfer (BITS)', 'BITS'),
      updateRule('Delivery Optimization', 'DoSvc'),
    ]),
  },
];
