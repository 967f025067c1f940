import { firstVersion, IN, OUT, TCP, UDP, type PortData, type ProfileData } from './profile-data.js';

/**
 * Each protocol is two profiles: a control room has the client, a controller or a gateway the server. Isolation that
 * stops a plant may do more harm than the intruder, and a wrong direction opens the computer to what it should only ask.
 */
function clientAndServer(
  id: string,
  name: string,
  tcpPort: PortData,
  source: string,
): readonly [ProfileData, ProfileData] {
  return [
    {
      id: `${id}-client`,
      displayName: `${name} client`,
      description: `The computer reads and writes ${name} servers.`,
      isDefault: false,
      versions: firstVersion([
        { name: `${name} to servers`, direction: OUT, protocol: TCP, remote: [tcpPort], source },
      ]),
    },
    {
      id: `${id}-server`,
      displayName: `${name} server`,
      description: `${name} clients read and write the computer.`,
      isDefault: false,
      versions: firstVersion([
        { name: `${name} from clients`, direction: IN, protocol: TCP, local: [tcpPort], source },
      ]),
    },
  ];
}

const ETHERNET_IP =
  'IANA port registry: https://www.iana.org/assignments/service-names-port-numbers (EtherNet-IP-1 2222, EtherNet-IP-2 44818)';

const ETHERNET_IP_PROFILES: readonly ProfileData[] = [
  {
    id: 'ethernet-ip-client',
    displayName: 'EtherNet/IP client',
    description:
      'The computer is a scanner: it asks EtherNet/IP adapters and exchanges input and output with them.',
    isDefault: false,
    versions: firstVersion([
      {
        name: 'EtherNet/IP messages to adapters (TCP)',
        direction: OUT,
        protocol: TCP,
        remote: [44818],
        source: ETHERNET_IP,
      },
      {
        name: 'EtherNet/IP messages to adapters (UDP)',
        direction: OUT,
        protocol: UDP,
        remote: [44818],
        source: ETHERNET_IP,
      },
      {
        name: 'EtherNet/IP output to adapters',
        direction: OUT,
        protocol: UDP,
        remote: [2222],
        source: ETHERNET_IP,
      },
      // Input is no reply to output: an adapter sends it by itself, from a port that it chooses.
      {
        name: 'EtherNet/IP input from adapters',
        direction: IN,
        protocol: UDP,
        local: [2222],
        source: ETHERNET_IP,
      },
    ]),
  },
  {
    id: 'ethernet-ip-server',
    displayName: 'EtherNet/IP server',
    description:
      'The computer is an adapter: EtherNet/IP scanners ask it and exchange input and output with it.',
    isDefault: false,
    versions: firstVersion([
      {
        name: 'EtherNet/IP messages from scanners (TCP)',
        direction: IN,
        protocol: TCP,
        local: [44818],
        source: ETHERNET_IP,
      },
      {
        name: 'EtherNet/IP messages from scanners (UDP)',
        direction: IN,
        protocol: UDP,
        local: [44818],
        source: ETHERNET_IP,
      },
      {
        name: 'EtherNet/IP output from scanners',
        direction: IN,
        protocol: UDP,
        local: [2222],
        source: ETHERNET_IP,
      },
      {
        name: 'EtherNet/IP input to scanners',
        direction: OUT,
        protocol: UDP,
        remote: [2222],
        source: ETHERNET_IP,
      },
    ]),
  },
];

/** Protocols of plants. */
export const INDUSTRIAL_PROFILES: readonly ProfileData[] = [
  ...clientAndServer(
    'opc-ua',
    'OPC UA',
    4840,
    'IANA port registry: https://www.iana.org/assignments/service-names-port-numbers (opcua-tcp 4840)',
  ),
  ...clientAndServer(
    'modbus',
    'Modbus/TCP',
    502,
    'Modbus Organization, Messaging on TCP/IP Implementation Guide V1.0b: https://www.modbus.org/docs/Modbus_Messaging_Implementation_Guide_V1_0b.pdf (TCP port 502)',
  ),
  ...clientAndServer(
    's7',
    'S7',
    102,
    'RFC 1006 (TCP port 102); Siemens: https://support.industry.siemens.com/cs/document/8970169',
  ),
  ...ETHERNET_IP_PROFILES,
];
