import { ExclusionDirection, type Exclusion } from '../../shared/gen/cordon/v1/exclusion.js';
import type { PortRange } from '../../shared/gen/cordon/v1/network.js';

const PROTOCOLS: Readonly<Record<number, string>> = { 1: 'ICMP', 6: 'TCP', 17: 'UDP', 58: 'ICMPv6' };

/** What an exclusion lets pass, on one line: `DNS: out, UDP, remote port 53, to 192.0.2.1`. */
export function exclusionText(exclusion: Exclusion): string {
  const { name, protocol, remoteHost, application } = exclusion;
  const program = application?.target?.value;
  const parts = [
    directionWord(exclusion.direction),
    protocol === undefined ? 'any protocol' : (PROTOCOLS[protocol] ?? `protocol ${protocol}`),
    list('local port', exclusion.localPorts.map(portText)),
    list('remote port', exclusion.remotePorts.map(portText)),
    list('local address', exclusion.localAddresses),
    list('remote address', exclusion.remoteAddresses),
    remoteHost === '' ? '' : `remote host ${remoteHost}`,
    program === undefined ? '' : `program ${program}`,
  ];
  return `${name}: ${parts.filter((part) => part !== '').join(', ')}`;
}

function directionWord(direction: ExclusionDirection): string {
  switch (direction) {
    case ExclusionDirection.EXCLUSION_DIRECTION_INBOUND:
      return 'in';
    case ExclusionDirection.EXCLUSION_DIRECTION_OUTBOUND:
      return 'out';
    default:
      return 'in and out';
  }
}

const portText = ({ first, last }: PortRange): string => (first === last ? `${first}` : `${first}-${last}`);

function list(what: string, values: readonly string[]): string {
  return values.length === 0 ? '' : `${what} ${values.join(' ')}`;
}
