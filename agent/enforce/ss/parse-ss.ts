import { TransportProtocol, type Connection } from '../../../shared/gen/cordon/v1/network.js';

/**
 * Sockets in the output of `ss -H -O -n -a -p -t -u`. Lines in a form that this version does not know are left out;
 * IPv4 in IPv6 clothing (`::ffff:`) is written as IPv4, zones (`%eth0`) are dropped.
 */
export function parseSs(output: string): Connection[] {
  return output.split('\n').flatMap((line) => parseLine(line));
}

function parseLine(line: string): Connection[] {
  const [netid, state, , , local, peer, ...rest] = line.trim().split(/\s+/);
  const protocol = protocolOf(netid);
  const from = endpoint(local);
  const to = endpoint(peer);
  if (protocol === undefined || state === undefined || !from || !to) return [];
  const owner = /\(\("((?:[^"\\]|\\.)*)",pid=(\d+)/.exec(rest.join(' '));
  const connected = to.port !== 0;
  return [
    {
      protocol,
      localAddress: from.address,
      localPort: from.port,
      remoteAddress: connected ? to.address : '',
      remotePort: to.port,
      state,
      processName: owner?.[1] ?? '',
      processId: Number(owner?.[2] ?? 0),
    },
  ];
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
