import { isIP } from 'node:net';

export interface ListenAddress {
  readonly host: string;
  /** 0: the system chooses one. */
  readonly port: number;
}

/** Reads `[::]:7443`, `192.0.2.1:7443` or `name:7443`; undefined if it is none of them. */
export function parseListenAddress(text: string): ListenAddress | undefined {
  const match = /^(?:\[(?<v6>[^\]]+)\]|(?<host>[^:[\]]+)):(?<port>\d{1,5})$/.exec(text);
  const host = match?.groups?.['v6'] ?? match?.groups?.['host'];
  const port = Number(match?.groups?.['port']);
  if (host === undefined || port > 65_535) return undefined;
  if (match?.groups?.['v6'] !== undefined && isIP(host) !== 6) return undefined;
  return { host, port };
}

export function formatAddress(host: string, port: number): string {
  return isIP(host) === 6 ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Whether it stands for every address of the machine: nothing that a client could connect to. */
export function isWildcard(host: string): boolean {
  return host === '0.0.0.0' || (isIP(host) === 6 && /^[0:]+$/.test(host));
}
