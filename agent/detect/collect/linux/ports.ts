import type { Collector, Item } from '../../item.js';
import { collector } from '../collector.js';
import { itemOf } from '../item-of.js';
import { programPath } from './process-files.js';
import { socketProperties } from './sockets.js';
import type { LinuxSystem } from './system.js';

/**
 * TCP and UDP sockets of this network namespace, one item for each process that holds one. Those of containers with a
 * network of their own are not among them.
 */
export function portCollector(system: LinuxSystem): Collector {
  return collector({
    type: 'PortItem',
    properties: [
      'pid',
      'process',
      'path',
      'state',
      'localIP',
      'remoteIP',
      'localPort',
      'remotePort',
      'protocol',
      'isIPv6',
    ],
    most: 500_000,
    list: () => listPorts(system),
  });
}

async function* listPorts(system: LinuxSystem): AsyncGenerator<Item> {
  const paths = new Map<number, string | undefined>();
  const pathOf = (pid: number): string | undefined => {
    if (!paths.has(pid)) paths.set(pid, pathOrNothing(system, pid));
    return paths.get(pid);
  };
  for (const socket of await system.sockets()) {
    yield itemOf('PortItem', {
      ...socketProperties(socket),
      process: socket.owner?.name,
      path: socket.owner && pathOf(socket.owner.pid),
    });
  }
}

/** A process that may not be looked at has no path; the collector of processes reports it. */
function pathOrNothing(system: LinuxSystem, pid: number): string | undefined {
  try {
    return programPath(system.files, pid);
  } catch {
    return undefined;
  }
}
