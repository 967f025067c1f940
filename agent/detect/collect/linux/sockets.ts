import { isIPv6 } from 'node:net';
import { TransportProtocol } from '../../../../shared/gen/cordon/v1/network.js';
import type { OwnedSocket } from '../../../enforce/ss/list.js';
import type { Known } from '../item-of.js';

/** Words of `ss` in the words of indicator documents, which are netstat's. */
const STATES: ReadonlyMap<string, string> = new Map([
  ['ESTAB', 'ESTABLISHED'],
  ['LISTEN', 'LISTENING'],
  ['SYN-RECV', 'SYN_RECEIVED'],
  ['UNCONN', ''],
]);

/** Properties of a socket, named as below PortItem. A socket without a peer has no remote side. */
export function socketProperties({ connection, owner }: OwnedSocket): Readonly<Record<string, Known>> {
  const { localAddress, localPort, remoteAddress, remotePort, protocol, state } = connection;
  return {
    pid: owner?.pid,
    state: STATES.get(state) ?? state.replaceAll('-', '_'),
    localIP: localAddress,
    localPort,
    remoteIP: remoteAddress,
    remotePort: remoteAddress === '' ? undefined : remotePort,
    protocol: protocol === TransportProtocol.TRANSPORT_PROTOCOL_TCP ? 'TCP' : 'UDP',
    isIPv6: isIPv6(localAddress),
  };
}
