import ipaddr from 'ipaddr.js';
import { TransportProtocol, type Connection } from '../../../shared/gen/cordon/v1/network.js';
import type { TableRow } from './tables.js';

/** States of MIB_TCP_STATE in the words of `ss`, so that both platforms report the same ones. */
const STATES: ReadonlyMap<number, string> = new Map([
  [1, 'CLOSED'],
  [2, 'LISTEN'],
  [3, 'SYN-SENT'],
  [4, 'SYN-RECV'],
  [5, 'ESTAB'],
  [6, 'FIN-WAIT-1'],
  [7, 'FIN-WAIT-2'],
  [8, 'CLOSE-WAIT'],
  [9, 'CLOSING'],
  [10, 'LAST-ACK'],
  [11, 'TIME-WAIT'],
  [12, 'CLOSED'],
  // MIB_TCP_STATE_RESERVED: a socket that has a port and does nothing with it.
  [100, 'UNCONN'],
]);

/**
 * A row as everybody sees it: IPv4 in IPv6 clothing is written as IPv4, scope ids are dropped.
 * @param imagePath of a process; empty where it is not known
 */
export function describeRow(row: TableRow, imagePath: (pid: number) => string): Connection {
  const { kind, local, remote, state, pid } = row;
  const connected = remote !== undefined && remote.port !== 0;
  const isTcp = kind === 'tcp4' || kind === 'tcp6';
  return {
    protocol: isTcp ? TransportProtocol.TRANSPORT_PROTOCOL_TCP : TransportProtocol.TRANSPORT_PROTOCOL_UDP,
    localAddress: addressText(local.address),
    localPort: local.port,
    remoteAddress: connected ? addressText(remote.address) : '',
    remotePort: connected ? remote.port : 0,
    state: state === undefined ? 'UNCONN' : (STATES.get(state) ?? `STATE-${state}`),
    processName: imagePath(pid).split('\\').pop() ?? '',
    processId: pid,
  };
}

const MAPPED = Buffer.from('00000000000000000000ffff', 'hex');

/** The IPv4 address, 4 bytes, that an address is; undefined: it is IPv6. */
export function asIpv4(address: Buffer): Buffer | undefined {
  if (address.length === 4) return address;
  return address.subarray(0, MAPPED.length).equals(MAPPED) ? address.subarray(MAPPED.length) : undefined;
}

function addressText(address: Buffer): string {
  return ipaddr.fromByteArray([...(asIpv4(address) ?? address)]).toString();
}
