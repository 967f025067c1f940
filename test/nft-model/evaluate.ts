import { protocolNumber, type Packet, type Transport } from '../../agent/enforce/model.js';
import type { Expression, Ruleset, Statement, Verdict } from './rules.js';

/** What only the kernel knows of a packet. */
export interface Surroundings {
  /** Control group of the socket that it belongs to, below the root; undefined: no socket is known. */
  readonly cgroup: string | undefined;
}

/** What a packet meets at its hook. A rejection is a block. Anything that the rules name and nobody models is an error. */
export function verdictOf(rules: Ruleset, packet: Packet, surroundings: Surroundings): 'accept' | 'block' {
  const hook = packet.way === 'in' ? 'input' : 'output';
  const view: View = { rules, packet, surroundings, fields: fieldsOf(packet) };
  for (const [name, chain] of rules.chains) {
    if (chain.hook !== hook) continue;
    const end = runChain(view, name);
    if (end !== undefined && end !== 'accept') return 'block';
  }
  return 'accept';
}

interface View {
  readonly rules: Ruleset;
  readonly packet: Packet;
  readonly surroundings: Surroundings;
  readonly fields: ReadonlyMap<Expression, bigint>;
}

type End = 'accept' | 'drop' | 'reject' | undefined;

/** Undefined: the chain ended without a verdict. */
function runChain(view: View, name: string): End {
  const chain = view.rules.chains.get(name);
  if (!chain) throw new Error(`there is no chain ${name}`);
  for (const rule of chain.rules) {
    for (const statement of rule) {
      const met = meet(view, statement);
      if (met === false) break;
      if (met === true) continue;
      if (met.kind === 'jump') {
        const end = runChain(view, met.chain);
        if (end !== undefined) return end;
      } else if (met.kind === 'goto') return runChain(view, met.chain);
      else return met.kind;
    }
  }
  return undefined;
}

/** Whether a condition holds, or the verdict that a statement gives. */
function meet(view: View, statement: Statement): boolean | Verdict {
  const { packet, surroundings, fields, rules } = view;
  switch (statement.kind) {
    case 'verdict':
      return statement.verdict;
    case 'interface':
      return statement.name === 'lo' && statement.way === packet.way && packet.loopback;
    case 'direction':
      return statement.direction === directionOf(packet);
    case 'no-dnat':
      return true;
    case 'to-local-address':
      return packet.loopback;
    case 'flags': {
      if (packet.transport.protocol !== 'tcp') return false;
      const isEqual = (flagBits(packet.transport) & statement.mask) === statement.wanted;
      return statement.operator === '==' ? isEqual : !isEqual;
    }
    case 'cgroup':
      return ancestor(surroundings.cgroup, statement.level) === statement.path;
    case 'cgroup-map': {
      const map = rules.maps.get(statement.map);
      if (!map) throw new Error(`there is no map ${statement.map}`);
      const path = ancestor(surroundings.cgroup, statement.level);
      return (path === undefined ? undefined : map.get(path)) ?? false;
    }
    case 'one-of': {
      const found = fields.get(statement.field);
      return found !== undefined && statement.values.includes(found);
    }
    case 'in-set': {
      const set = rules.sets.get(statement.set);
      if (!set) throw new Error(`there is no set ${statement.set}`);
      if (set.types.length !== statement.fields.length) throw new Error(`${statement.set} has other fields`);
      const values = statement.fields.map((field) => fields.get(field));
      return set.elements.some((element) =>
        element.every(({ first, last }, at) => {
          const found = values[at];
          return found !== undefined && first <= found && found <= last;
        }),
      );
    }
  }
}

/** What fields hold; those that a packet does not have are not there. */
function fieldsOf({ way, local, remote, transport }: Packet): ReadonlyMap<Expression, bigint> {
  const { family } = remote;
  const ip = family === 4 ? 'ip' : 'ip6';
  const [source, destination] = way === 'out' ? [local, remote] : [remote, local];
  const fields = new Map<Expression, bigint>([
    ['meta nfproto', BigInt(family)],
    ['meta l4proto', BigInt(protocolNumber(transport))],
    [`${ip} saddr`, source.number],
    [`${ip} daddr`, destination.number],
  ]);
  switch (transport.protocol) {
    case 'tcp':
    case 'udp': {
      const { localPort, remotePort } = transport;
      const [from, to] = way === 'out' ? [localPort, remotePort] : [remotePort, localPort];
      for (const header of transport.protocol === 'tcp' ? ['th', 'tcp'] : ['th']) {
        fields.set(`${header} sport`, BigInt(from)).set(`${header} dport`, BigInt(to));
      }
      break;
    }
    case 'icmp':
    case 'icmpv6':
      if ((transport.protocol === 'icmp') === (family === 4)) {
        fields.set(`${transport.protocol} type`, BigInt(transport.type));
      }
      // Where others have a source port, an ICMP message has type and code.
      fields.set('th sport', BigInt(transport.type * 256));
      break;
    case 'other':
      break;
  }
  return fields;
}

/** Connection tracking: the side that opened the exchange sends in the original direction. */
function directionOf({ openedBy, way }: Packet): 'original' | 'reply' | undefined {
  if (openedBy === 'unknown') return undefined;
  return (openedBy === 'this-computer') === (way === 'out') ? 'original' : 'reply';
}

function flagBits({ flags }: Extract<Transport, { protocol: 'tcp' }>): number {
  const { fin, syn, rst, ack } = flags;
  return (fin ? 1 : 0) | (syn ? 2 : 0) | (rst ? 4 : 0) | (ack ? 16 : 0);
}

function ancestor(cgroup: string | undefined, level: number): string | undefined {
  const steps = cgroup?.split('/') ?? [];
  return steps.length < level ? undefined : steps.slice(0, level).join('/');
}
