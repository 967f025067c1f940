import { CONSTANTS, MIB_TCPROW, SOCKADDR_IN6 } from './layout.js';
import type { End } from './tables.js';

const { dwState, dwLocalAddr, dwLocalPort, dwRemoteAddr, dwRemotePort } = MIB_TCPROW.fields;

/** The MIB_TCPROW with which SetTcpEntry ends a connection. Addresses of 4 bytes. */
export function deleteTcpRow(local: Omit<End, 'scopeId'>, remote: Omit<End, 'scopeId'>): Buffer {
  const row = Buffer.alloc(MIB_TCPROW.size);
  row.writeUInt32LE(CONSTANTS.MIB_TCP_STATE_DELETE_TCB, dwState.offset);
  local.address.copy(row, dwLocalAddr.offset);
  row.writeUInt16BE(local.port, dwLocalPort.offset);
  remote.address.copy(row, dwRemoteAddr.offset);
  row.writeUInt16BE(remote.port, dwRemotePort.offset);
  return row;
}

/**
 * The key by which Windows' own TCP module knows an IPv6 connection: both ends, the local one first. No document says so;
 * others have found it out and use it with NsiSetAllParameters.
 */
export function nsiTcpKey(local: End, remote: End): Buffer {
  return Buffer.concat([socketAddress(local), socketAddress(remote)]);
}

function socketAddress({ address, scopeId, port }: End): Buffer {
  const { sin6_family, sin6_port, sin6_addr, sin6_scope_id } = SOCKADDR_IN6.fields;
  const result = Buffer.alloc(SOCKADDR_IN6.size);
  result.writeUInt16LE(CONSTANTS.AF_INET6, sin6_family.offset);
  result.writeUInt16BE(port, sin6_port.offset);
  address.copy(result, sin6_addr.offset);
  result.writeUInt32LE(scopeId, sin6_scope_id.offset);
  return result;
}

/** NPI_MS_TCP_MODULEID: length, kind, and the GUID that names the TCP module. */
export const NSI_TCP_MODULE = Buffer.from('1800000001000000034a00eb1a9bd41191230050047759bc', 'hex');
/** NsiActive: what holds now, not what is stored. */
export const NSI_STORE_ACTIVE = 1;
/** NsiSetDelete: the object goes. */
export const NSI_SET_DELETE = 2;
/** The connections among the TCP module's objects. */
export const NSI_TCP_CONNECTIONS = 16;
