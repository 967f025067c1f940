import { firstVersion, IN, OUT, TCP, UDP, type ProfileData } from './profile-data.js';

/** Services of a network that a computer uses or offers. */
export const INFRASTRUCTURE_PROFILES: readonly ProfileData[] = [
  {
    id: 'ntp-client',
    displayName: 'NTP client',
    description: 'The computer sets its clock by NTP.',
    isDefault: false,
    versions: firstVersion([
      {
        name: 'NTP queries',
        direction: OUT,
        protocol: UDP,
        remote: [123],
        source: 'RFC 5905 section 7.2 (UDP port 123)',
      },
    ]),
  },
  {
    id: 'http-proxy-client',
    displayName: 'HTTP(S) proxy',
    description: 'Programs reach the web through a proxy; narrow the remote addresses to that of the proxy.',
    isDefault: false,
    versions: firstVersion([
      {
        name: 'Web proxy (3128)',
        direction: OUT,
        protocol: TCP,
        remote: [3128],
        source: 'Squid, http_port: https://www.squid-cache.org/Doc/config/http_port/ (TCP port 3128)',
      },
      {
        name: 'Web proxy (8080)',
        direction: OUT,
        protocol: TCP,
        remote: [8080],
        source:
          'IANA port registry: https://www.iana.org/assignments/service-names-port-numbers (http-alt 8080)',
      },
    ]),
  },
  {
    id: 'snmp-agent',
    displayName: 'SNMP agent',
    description: 'The computer is monitored by SNMP and sends traps.',
    isDefault: false,
    versions: firstVersion([
      {
        name: 'SNMP requests',
        direction: IN,
        protocol: UDP,
        local: [161],
        source: 'RFC 3417 section 3.2 (agent 161, receiver of notifications 162)',
      },
      {
        name: 'SNMP traps',
        direction: OUT,
        protocol: UDP,
        remote: [162],
        source: 'RFC 3417 section 3.2 (agent 161, receiver of notifications 162)',
      },
    ]),
  },
  {
    id: 'syslog-client',
    displayName: 'Syslog out',
    description: 'The computer sends its log to a collector.',
    isDefault: false,
    versions: firstVersion([
      {
        name: 'Syslog (UDP)',
        direction: OUT,
        protocol: UDP,
        remote: [514],
        source: 'RFC 5426 section 3.3 (UDP port 514)',
      },
      {
        name: 'Syslog (TCP)',
        description: 'Without TLS. The port is custom, not assigned: IANA gives 514/tcp to the remote shell.',
        direction: OUT,
        protocol: TCP,
        remote: [514],
        source: 'RFC 6587 section 3 (plain TCP, by custom on port 514)',
      },
      {
        name: 'Syslog (TLS)',
        direction: OUT,
        protocol: TCP,
        remote: [6514],
        source: 'RFC 5425 section 4.1 (TCP port 6514)',
      },
    ]),
  },
  {
    id: 'cloud-metadata',
    displayName: 'Cloud metadata',
    description:
      'A virtual machine reads the metadata of its cloud, which may include credentials of the instance: any program can.',
    isDefault: false,
    versions: firstVersion([
      {
        name: 'Cloud metadata service',
        direction: OUT,
        protocol: TCP,
        remote: [80],
        remoteAddresses: ['169.254.169.254', 'fd00:ec2::254'],
        source:
          'AWS, Azure and Google Cloud, instance metadata: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html',
      },
      {
        name: 'Azure platform (WireServer)',
        direction: OUT,
        protocol: TCP,
        remote: [80, 32526],
        remoteAddresses: ['168.63.129.16'],
        source:
          'Azure: https://learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16 (TCP 80, 32526)',
      },
    ]),
  },
];
