import { isIPv6 } from 'node:net';
import type { Collector, Item } from '../../item.js';
import { collector } from '../collector.js';
import { itemOf } from '../item-of.js';
import { toolText, type LinuxSystem } from './system.js';

/** An entry of `ip -j neigh show`. */
interface Neighbour {
  readonly dst?: string;
  readonly dev?: string;
  readonly lladdr?: string;
  readonly state?: readonly string[];
  /** Present, and null, for a router. */
  readonly router?: null;
}

/** Neighbours on the links of this computer, over IPv4 (ARP) and IPv6. */
export function arpEntryCollector(system: LinuxSystem): Collector {
  return collector({
    type: 'ArpEntryItem',
    properties: [
      'Interface',
      'PhysicalAddress',
      'IPv4Address',
      'IPv6Address',
      'State',
      'IsRouter',
      'CacheType',
    ],
    most: 100_000,
    list: () => listNeighbours(system),
  });
}

async function* listNeighbours(system: LinuxSystem): AsyncGenerator<Item> {
  const text = await toolText(system, 'ip', 'iproute2', ['-j', 'neigh', 'show']);
  for (const neighbour of JSON.parse(text || '[]') as readonly Neighbour[]) {
    const { dst = '', dev, lladdr, state = [] } = neighbour;
    const six = isIPv6(dst);
    yield itemOf('ArpEntryItem', {
      Interface: dev,
      PhysicalAddress: lladdr,
      IPv4Address: six ? undefined : dst,
      IPv6Address: six ? dst : undefined,
      State: state,
      IsRouter: 'router' in neighbour,
      CacheType: state.includes('PERMANENT') ? 'Static' : 'Dynamic',
    });
  }
}
