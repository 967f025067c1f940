import { isIP } from 'node:net';
import { parseListenAddress } from '../listen-address.js';

/** Where syslog messages go, and how. */
export interface SyslogTarget {
  readonly transport: 'udp' | 'tcp' | 'tls';
  readonly host: string;
  /** 1 to 65535. */
  readonly port: number;
}

/** Reads `udp://host:514`, `tcp://[2001:db8::1]:601` or `tls://host:6514`; undefined if it is none of them. */
export function parseSyslogTarget(text: string): SyslogTarget | undefined {
  const match = /^(udp|tcp|tls):\/\/(.+)$/.exec(text);
  const address = match?.[2] === undefined ? undefined : parseListenAddress(match[2]);
  if (!address || address.port === 0) return undefined;
  if (isIP(address.host) === 0 && !/^[A-Za-z0-9._-]{1,253}$/.test(address.host)) return undefined;
  return { transport: match?.[1] as SyslogTarget['transport'], ...address };
}
