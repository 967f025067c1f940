import { TransportProtocol, type Connection } from '../../../shared/gen/cordon/v1/network.js';

/** A process that holds a socket. */
export interface SocketOwner {
  readonly pid: number;
  readonly name: string;
}

export interface ParsedSocket {
  /** With its first owner. */
  readonly connection: Connection;
  /** Every process that holds it, once each: a server may share its socket with its workers. */
  readonly owners: readonly SocketOwner[];
}

/**
 * Sockets in the output of `ss -H -O -n -a -p -t -u`. Lines in a form that this version does not know are left out;
 * IPv4 in IPv6 clothing (`::ffff:`) is written as IPv4, zones (`%eth0`) are dropped.
 */
export function parseSs(output: string): Connection[] {
  return parseSockets(output).map(({ connection }) => connection);
}

/** The same with every process that holds a socket. */
export function parseSockets(output: string): ParsedSocket[] {
  return output.split('\n').flatMap((line) => parseLine(line));
}

function parseLine(line: string): ParsedSocket[] {
  const [netid, state, , , local, peer, ...rest] = line.trim().split(/\s+/);
  const protocol = protocolOf(netid);
  const from = endpoint(local);
  const to = endpoint(peer);
  if (protocol === undefined || state === undefined || !from || !to) return [];
  const owners = ownersIn(rest.join(' '));
  const connected = to.port !== 0;
  return [
    {
      connection: {
        protocol,
        localAddress: from.address,
        localPort: from.port,
        remoteAddress: connected ? to.address : '',
        remotePort: to.port,
        state,
        processName: owners[0]?.name ?? '',
        processId: owners[0]?.pid ?? 0,
      },
      owners,
    },
  ];
}

function ownersIn(text: string): SocketOwner[] {
  const owners = new Map<number, SocketOwner>();
  for (const [, name = '', pid] of text.matchAll(/\("((?:[^"\\]|\\.)*)",pid=(\d+)/g)) {
    if (!owners.has(Number(pid))) owners.set(Number(pid), { pid: Number(pid), name });
  }
  return [...owners.values()];
}

function protocolOf(netid: string | undefined): TransportProtocol | undefined {
  if (netid === 'tcp') return TransportProtocol.TRANSPORT_PROTOCOL_TCP;
  if (netid === 'udp') return TransportProtocol.TRANSPORT_PROTOCOL_UDP;
  return undefined;
}

function endpoint(text: string | undefined): { address: string; port: number } | undefined {
  const found = /^(.*):(\d+|\*)$/.exec(text ?? '');
  if (!found) return undefined;
  const [, host = '', port] = found;
  const bare = host.replace(/[[\]]/g, '').replace(/%.*$/, '');
  const address = bare.toLowerCase().startsWith('::ffff:') && bare.includes('.') ? bare.slice(7) : bare;
  return { address: address === '*' ? '::' : address, port: port === '*' ? 0 : Number(port) };
}
