import type { Collector, Unavailable } from '../../item.js';
import { arpCollector } from './arp-item.js';
import { dnsCollector } from './dns-item.js';
import { eventLogCollector } from './event-log-item.js';
import { portCollector } from './port-item.js';
import { processCollector } from './process-item.js';
import { registryCollector } from './registry-item.js';
import { serviceCollector } from './service-item.js';
import { systemInfoCollector } from './system-info-item.js';
import { userCollector } from './user-item.js';
import { volumeCollector } from './volume-item.js';

/** What an agent on Windows can look at, one entry for each kind of items but files. */
export function windowsCollectors(): readonly (Collector | Unavailable)[] {
  return [
    registryCollector(),
    processCollector(),
    portCollector(),
    { type: 'Network', unavailable: 'Windows keeps no list of what was asked for over the network' },
    dnsCollector(),
    arpCollector(),
    serviceCollector(),
    userCollector(),
    volumeCollector(),
    systemInfoCollector(),
    eventLogCollector(),
  ];
}
