import ipaddr from 'ipaddr.js';
import type { AddressRange, Family } from '../../shared/exclusions/address.js';
import { addressNumber, type Interval } from '../../shared/exclusions/intervals.js';
import type { Endpoint, Ports, Rule, RuleApplication } from './plan.js';

/** Who opened a connection or, where there is none, sent the first packet. */
export type Opener = 'this-computer' | 'other-side';

/** An address as it is compared. */
export interface FlowAddress {
  readonly family: Family;
  readonly number: bigint;
}

/** What exclusions look at. */
export interface Flow {
  readonly openedBy: Opener;
  /** IANA protocol number. */
  readonly protocol: number;
  readonly local: FlowAddress;
  readonly remote: FlowAddress;
  /** Undefined where the protocol has none. */
  readonly localPort: number | undefined;
  readonly remotePort: number | undefined;
  /** Whether the program of a rule owns it and the platform can tell; false where that is not known. */
  readonly belongsTo: (application: RuleApplication) => boolean;
}

const ICMP = 1;
const ICMPV6 = 58;

/** Whether an exclusion is for this flow (docs/security.md section 4). Pure. */
export function matches(rule: Rule, flow: Flow): boolean {
  return (
    (flow.openedBy === 'this-computer' ? rule.outbound : rule.inbound) &&
    (rule.protocol === undefined || rule.protocol === flow.protocol) &&
    hasVersion(rule.protocol, flow.remote) &&
    hasPort(rule.localPorts, flow.localPort) &&
    hasPort(rule.remotePorts, flow.remotePort) &&
    hasAddress(rule.localAddresses, flow.local) &&
    hasAddress(rule.remoteAddresses, flow.remote) &&
    (rule.application === undefined || flow.belongsTo(rule.application))
  );
}

/**
 * Whether Linux can tell that a packet belongs to a program: by the control group of its socket, and the first packet of
 * an incoming connection has no socket yet.
 */
export function linuxKnows(application: RuleApplication, openedBy: Opener): boolean {
  switch (application.kind) {
    case 'systemd-unit':
    case 'cgroup':
      return openedBy === 'this-computer';
    case 'executable-path':
    case 'windows-service':
      return false;
  }
}

/** Whether Windows can tell that a flow belongs to a program: ALE knows the process of both ways. */
export function windowsKnows(application: RuleApplication, _openedBy: Opener): boolean {
  switch (application.kind) {
    case 'executable-path':
    case 'windows-service':
      return true;
    case 'systemd-unit':
    case 'cgroup':
      return false;
  }
}

/** Reads an address in any text form of its version; a zone is left out. Undefined: it is none. */
export function flowAddress(text: string): FlowAddress | undefined {
  if (!ipaddr.isValid(text)) return undefined;
  const bytes = Buffer.from(ipaddr.parse(text).toByteArray());
  return { family: bytes.length === 4 ? 4 : 6, number: BigInt(`0x${bytes.toString('hex')}`) };
}

/** Whether this is the other side of the agent's own channel. */
export function isEndpoint(endpoint: Endpoint, address: FlowAddress, port: number | undefined): boolean {
  if (endpoint.port !== port) return false;
  const server = flowAddress(endpoint.address);
  return server?.family === address.family && server.number === address.number;
}

/** An exclusion for ICMP is for IPv4 and one for ICMPv6 for IPv6, whatever a packet's header says. */
function hasVersion(protocol: number | undefined, { family }: FlowAddress): boolean {
  return !(protocol === ICMP && family === 6) && !(protocol === ICMPV6 && family === 4);
}

function hasPort(ports: readonly Ports[], port: number | undefined): boolean {
  return (
    ports.length === 0 ||
    (port !== undefined && ports.some(({ first, last }) => first <= port && port <= last))
  );
}

function hasAddress(ranges: readonly AddressRange[], { family, number }: FlowAddress): boolean {
  if (ranges.length === 0) return true;
  return ranges.some((range) => {
    if (range.family !== family) return false;
    const { first, last } = numbersOf(range);
    return first <= number && number <= last;
  });
}

/** A plan can hold 100,000 ranges, and each open connection is compared with them: they are read once. */
const numbers = new WeakMap<AddressRange, Interval>();

function numbersOf(range: AddressRange): Interval {
  const known = numbers.get(range);
  if (known) return known;
  const read = { first: addressNumber(range.first), last: addressNumber(range.last) };
  numbers.set(range, read);
  return read;
}
