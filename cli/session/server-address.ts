import { isIP } from 'node:net';

const DEFAULT_MANAGEMENT_PORT = 7444;
export const DEFAULT_AGENT_PORT = 7443;

/** Where the management port is. */
export interface ServerAddress {
  /** Name or address, an IPv6 address without brackets. */
  readonly host: string;
  readonly port: number;
}

/** Reads `HOST`, `HOST:PORT`, `[IPV6]:PORT` or an IPv6 address; undefined if it is none of them. */
export function parseServerAddress(text: string): ServerAddress | undefined {
  if (isIP(text) === 6) return { host: text, port: DEFAULT_MANAGEMENT_PORT };
  const match = /^(?:\[([^\]]+)\]|([^:[\]/\s]+))(?::(\d{1,5}))?$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  if (!match || !host) return undefined;
  if (match[1] !== undefined && isIP(match[1]) !== 6) return undefined;
  const port = match[3] === undefined ? DEFAULT_MANAGEMENT_PORT : Number(match[3]);
  return port >= 1 && port <= 65_535 ? { host, port } : undefined;
}

/** As a person writes it. */
export function formatServerAddress({ host, port }: ServerAddress): string {
  return isIP(host) === 6 ? `[${host}]:${port}` : `${host}:${port}`;
}

/** As gRPC names it: the scheme keeps it from looking an address up in DNS. */
export function grpcTarget(address: ServerAddress): string {
  const scheme = { 0: 'dns', 4: 'ipv4', 6: 'ipv6' }[isIP(address.host)] ?? 'dns';
  return `${scheme}:${formatServerAddress(address)}`;
}
