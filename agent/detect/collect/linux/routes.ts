import ipaddr from 'ipaddr.js';
import type { SystemFiles } from './system-files.js';

/** A way to everywhere. */
export interface DefaultRoute {
  readonly interface: string;
  readonly family: 4 | 6;
  readonly gateway: string;
  /** The lowest one is taken. */
  readonly metric: number;
}

/** Default routes with a gateway, the one that is taken first. */
export function defaultRoutes(files: SystemFiles): DefaultRoute[] {
  const routes = [
    ...rows(files, '/proc/net/route').flatMap(([name, target, gateway, , , , metric, mask]) =>
      target === '00000000' && mask === '00000000' && gateway !== '00000000'
        ? route(name, 4, gateway, Number(metric))
        : [],
    ),
    ...rows(files, '/proc/net/ipv6_route').flatMap(([target, length, , , gateway, metric, , , , name]) =>
      /^0{32}$/.test(target ?? '') && length === '00' && !/^0{32}$/.test(gateway ?? '')
        ? route(name, 6, gateway, Number.parseInt(metric ?? '', 16))
        : [],
    ),
  ];
  return routes.sort((one, other) => one.metric - other.metric);
}

function route(
  name: string | undefined,
  family: 4 | 6,
  gateway: string | undefined,
  metric: number,
): DefaultRoute[] {
  const bytes = Buffer.from(gateway ?? '', 'hex');
  if (name === undefined || bytes.length !== (family === 4 ? 4 : 16)) return [];
  // IPv4 is shown as a number of this processor, IPv6 byte by byte.
  if (family === 4) bytes.reverse();
  return [{ interface: name, family, gateway: ipaddr.fromByteArray([...bytes]).toString(), metric }];
}

function rows(files: SystemFiles, path: string): string[][] {
  return (files.read(path) ?? '').split('\n').map((line) => line.trim().split(/\s+/));
}
