import { isIPv6 } from 'node:net';
import { windowsCalls } from '../../../enforce/iphlp/calls.js';
import { listSockets } from '../../../enforce/iphlp/connections.js';
import { TransportProtocol, type Connection } from '../../../../shared/gen/cordon/v1/network.js';
import type { Collector } from '../../item.js';
import { collector } from '../collector.js';
import { itemOf, type Known } from '../item-of.js';
import { orNotHere } from './not-here.js';

/** TCP and UDP sockets with their processes. */
export function portCollector(): Collector {
  return collector({
    type: 'PortItem',
    properties: [
      'pid',
      'process',
      'path',
      'state',
      'localIP',
      'remoteIP',
      'localPort',
      'remotePort',
      'protocol',
      'isIPv6',
    ],
    most: 500_000,
    list: async function* (_request, asks) {
      const [sockets, { imagePath }] = await orNotHere(Promise.all([listSockets(), windowsCalls()]));
      const paths = new Map<number, string>();
      const pathOf = (pid: number): string => {
        const path = paths.get(pid) ?? imagePath(pid);
        paths.set(pid, path);
        return path;
      };
      for (const socket of sockets) {
        yield itemOf('PortItem', {
          ...socketProperties(socket),
          path: asks('path') ? pathOf(socket.processId) : undefined,
        });
      }
    },
  });
}

/** States in which sockets are listed here, those of `ss`, in the words of indicator documents, which are netstat's. */
const STATES: ReadonlyMap<string, string> = new Map([
  ['ESTAB', 'ESTABLISHED'],
  ['LISTEN', 'LISTENING'],
  ['UNCONN', ''],
]);

/** What is known of a socket, by term without `PortItem/` before it. */
export function socketProperties(socket: Connection): Record<string, Known> {
  const isTcp = socket.protocol === TransportProtocol.TRANSPORT_PROTOCOL_TCP;
  const connected = socket.remoteAddress !== '';
  return {
    // Process 0 owns nothing: it stands for "not known".
    pid: socket.processId === 0 ? undefined : socket.processId,
    process: socket.processName,
    state: STATES.get(socket.state) ?? socket.state.replaceAll('-', '_'),
    localIP: socket.localAddress,
    localPort: socket.localPort,
    remoteIP: connected ? socket.remoteAddress : undefined,
    remotePort: connected ? socket.remotePort : undefined,
    protocol: isTcp ? 'TCP' : 'UDP',
    isIPv6: isIPv6(socket.localAddress),
  };
}
