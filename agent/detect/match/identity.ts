import { createHash } from 'node:crypto';
import type { ItemType } from '../../../shared/ioc/model.js';
import type { Item } from '../item.js';

/**
 * Properties by which an item is the same one when it is looked at again; all others may change meanwhile. The kinds that
 * are not here have one item on a device.
 */
const IDENTIFYING: Readonly<Partial<Record<ItemType, readonly string[]>>> = {
  FileItem: ['FullPath'],
  ProcessItem: ['pid', 'startTime'],
  PortItem: ['pid', 'protocol', 'localIP', 'localPort', 'remoteIP', 'remotePort'],
  Network: ['URI', 'DNS'],
  DnsEntryItem: [
    'Host',
    'RecordName',
    'RecordType',
    'RecordData/Host',
    'RecordData/IPv4Address',
    'RecordData/IPv6Address',
  ],
  ArpEntryItem: ['Interface', 'IPv4Address', 'IPv6Address', 'PhysicalAddress'],
  RegistryItem: ['Path', 'Username'],
  ServiceItem: ['name'],
  UserItem: ['Username', 'SecurityID', 'userid'],
  VolumeItem: ['Name', 'VolumeName', 'DevicePath', 'DriveLetter', 'MountPoint'],
  EventLogItem: ['log', 'index', 'EID', 'genTime', 'source', 'message'],
};

/** Terms that say which item it is. */
export function identifyingTerms(type: ItemType): readonly string[] {
  return (IDENTIFYING[type] ?? []).map((name) => `${type}/${name}`);
}

/** Hex text that is the same for the same document and item, whenever they match. @param documentHash hex */
export function matchKey(documentHash: string, item: Pick<Item, 'type' | 'values'>): string {
  const identity = identifyingTerms(item.type).map((term) => item.values.get(term) ?? []);
  return createHash('sha256')
    .update(JSON.stringify([documentHash, item.type, identity]))
    .digest('hex');
}
