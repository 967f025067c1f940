import ipaddr from 'ipaddr.js';
import type { AddressRange } from '../../../shared/exclusions/address.js';
import { TransportProtocol, type Connection } from '../../../shared/gen/cordon/v1/network.js';
import type { Plan, Ports, Rule } from '../plan.js';

/** What is known about a connection beyond its addresses. */
export interface ConnectionFacts {
  /** Who opened it. The operating system does not say; a listener on the local port means the other side. */
  readonly openedBy: 'this-computer' | 'other-side';
  /** Whether it belongs to the process of this agent. */
  readonly isAgents: boolean;
  /** Whether the program of a rule owns it; false where that is not known. */
  readonly belongsTo: (application: NonNullable<Rule['application']>) => boolean;
}

/** Whether a connected TCP or UDP socket may go on under this plan. Pure. */
export function allows(plan: Plan, connection: Connection, facts: ConnectionFacts): boolean {
  const isServer = plan.serverEndpoints.some(
    ({ address, port }) => port === connection.remotePort && sameAddress(address, connection.remoteAddress),
  );
  if (isServer && facts.isAgents) return true;
  return plan.rules.some((rule) => matches(rule, connection, facts));
}

function matches(rule: Rule, connection: Connection, facts: ConnectionFacts): boolean {
  const direction = facts.openedBy === 'this-computer' ? rule.outbound : rule.inbound;
  const protocol = connection.protocol === TransportProtocol.TRANSPORT_PROTOCOL_TCP ? 6 : 17;
  return (
    direction &&
    (rule.protocol === undefined || rule.protocol === protocol) &&
    hasPort(rule.localPorts, connection.localPort) &&
    hasPort(rule.remotePorts, connection.remotePort) &&
    hasAddress(rule.localAddresses, connection.localAddress) &&
    hasAddress(rule.remoteAddresses, connection.remoteAddress) &&
    (rule.application === undefined || (rule.outbound && facts.belongsTo(rule.application)))
  );
}

function hasPort(ports: readonly Ports[], port: number): boolean {
  return ports.length === 0 || ports.some(({ first, last }) => first <= port && port <= last);
}

function hasAddress(ranges: readonly AddressRange[], address: string): boolean {
  if (ranges.length === 0) return true;
  const bytes = bytesOf(address);
  return (
    bytes !== undefined &&
    ranges.some(({ family, first, last }) => {
      if (bytes.length !== (family === 4 ? 4 : 16)) return false;
      const from = bytesOf(first);
      const to = bytesOf(last);
      return from && to && Buffer.compare(from, bytes) <= 0 && Buffer.compare(bytes, to) <= 0;
    })
  );
}

/** Whether both ends are this computer: such packets go over the loopback interface and are never touched. */
export function isLocal(connection: Connection, ownAddresses: ReadonlySet<string>): boolean {
  const { localAddress, remoteAddress } = connection;
  const address = remoteAddress === '' ? localAddress : remoteAddress;
  if (address === '::1' || address.startsWith('127.')) return true;
  return remoteAddress !== '' && (remoteAddress === localAddress || ownAddresses.has(remoteAddress));
}

function sameAddress(a: string, b: string): boolean {
  const left = bytesOf(a);
  const right = bytesOf(b);
  return left !== undefined && right !== undefined && left.equals(right);
}

function bytesOf(address: string): Buffer | undefined {
  return ipaddr.isValid(address) ? Buffer.from(ipaddr.parse(address).toByteArray()) : undefined;
}
