import { TransportProtocol, type Connection } from '../../../shared/gen/cordon/v1/network.js';
import { flowAddress, isEndpoint, matches, type Flow, type Opener } from '../matching.js';
import type { Plan, RuleApplication } from '../plan.js';

/** What is known about a connection beyond its addresses. */
export interface ConnectionFacts {
  /** Who opened it. The operating system does not say; a listener on the local port means the other side. */
  readonly openedBy: Opener;
  /** Whether it belongs to the process of this agent. */
  readonly isAgents: boolean;
  /** Whether the program of a rule owns it and the packet filter can tell; false where that is not known. */
  readonly belongsTo: (application: RuleApplication) => boolean;
}

/** Whether a connected TCP or UDP socket may go on under this plan. Pure. */
export function allows(plan: Plan, connection: Connection, facts: ConnectionFacts): boolean {
  const { localPort, remotePort } = connection;
  const local = flowAddress(connection.localAddress);
  const remote = flowAddress(connection.remoteAddress);
  if (local === undefined || remote === undefined) return false;
  const isServer = plan.serverEndpoints.some((endpoint) => isEndpoint(endpoint, remote, remotePort));
  if (isServer && facts.isAgents) return true;
  const { openedBy, belongsTo } = facts;
  const flow: Flow = {
    openedBy,
    protocol: connection.protocol === TransportProtocol.TRANSPORT_PROTOCOL_TCP ? 6 : 17,
    local,
    remote,
    localPort,
    remotePort,
    belongsTo,
  };
  return plan.rules.some((rule) => matches(rule, flow));
}

/** Whether both ends are this computer: such packets go over the loopback interface and are never touched. */
export function isLocal(connection: Connection, ownAddresses: ReadonlySet<string>): boolean {
  const { localAddress, remoteAddress } = connection;
  const address = remoteAddress === '' ? localAddress : remoteAddress;
  if (address === '::1' || address.startsWith('127.')) return true;
  return remoteAddress !== '' && (remoteAddress === localAddress || ownAddresses.has(remoteAddress));
}
