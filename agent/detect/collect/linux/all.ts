import type { Collector, Unavailable } from '../../item.js';
import { dnsEntryCollector } from './dns-entries.js';
import { eventLogCollector } from './event-log.js';
import { arpEntryCollector } from './neighbours.js';
import { portCollector } from './ports.js';
import { processCollector } from './processes.js';
import { serviceCollector } from './services.js';
import { linuxSystem, type LinuxSystem } from './system.js';
import { systemInfoCollector } from './system-info.js';
import { userCollector } from './users.js';
import { volumeCollector } from './volumes.js';

/** What an agent on Linux can look at, one entry for each kind of items but files. */
export function linuxCollectors(system: LinuxSystem = linuxSystem()): readonly (Collector | Unavailable)[] {
  return [
    processCollector(system),
    portCollector(system),
    {
      type: 'Network',
      unavailable: 'Linux keeps no record of the addresses and names that programs ask for over the network',
    },
    dnsEntryCollector(system),
    arpEntryCollector(system),
    { type: 'RegistryItem', unavailable: 'Linux has no registry' },
    serviceCollector(system),
    userCollector(system),
    volumeCollector(system),
    systemInfoCollector(system),
    eventLogCollector(system),
  ];
}
