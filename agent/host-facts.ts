import { arch, hostname, networkInterfaces, platform, release } from 'node:os';
import type { HostFacts } from '../shared/gen/cordon/v1/device.js';

const MOST_ADDRESSES = 64;

/** Facts about this computer, as they are now. */
export function readHostFacts(): HostFacts {
  const addresses = Object.values(networkInterfaces()).flatMap((list) =>
    (list ?? []).filter(({ internal }) => !internal).map(({ address }) => address),
  );
  return {
    hostname: hostname().slice(0, 253),
    os: platform(),
    osRelease: release(),
    architecture: arch(),
    addresses: [...new Set(addresses)].slice(0, MOST_ADDRESSES),
    timeZone: Intl.DateTimeFormat().resolvedOptions().timeZone,
  };
}
