import { isIP, isIPv6 } from 'node:net';
import type { Collector, CollectRequest, Item } from '../../item.js';
import { collector } from '../collector.js';
import { itemOf } from '../item-of.js';
import { parseResolvedCache } from './resolved-cache.js';
import { toolText, type LinuxSystem } from './system.js';

/**
 * Names that this computer answers from memory: the cache of systemd-resolved where that runs (systemd 254 or newer tells
 * it), and /etc/hosts, whose lines the DNS cache of Windows holds as well. Programs that ask a name server themselves leave
 * no trace on Linux.
 */
export function dnsEntryCollector(system: LinuxSystem): Collector {
  return collector({
    type: 'DnsEntryItem',
    properties: [
      'Host',
      'RecordName',
      'RecordType',
      'RecordData/Host',
      'RecordData/IPv4Address',
      'RecordData/IPv6Address',
    ],
    most: 200_000,
    list: (request) => listEntries(system, request),
  });
}

async function* listEntries(system: LinuxSystem, request: CollectRequest): AsyncGenerator<Item> {
  yield* hostsEntries(system.files.read('/etc/hosts', HOSTS_LIMIT) ?? '');
  if (system.files.list('/run/systemd/resolve').length === 0) {
    request.problem(
      'DNS cache',
      'systemd-resolved does not run, and no other cache on Linux can be read; only /etc/hosts was looked at',
    );
    return;
  }
  try {
    const text = await toolText(system, 'resolvectl', 'systemd-resolved', ['show-cache', '--json=short']);
    for (const { name, type, address, target } of parseResolvedCache(text)) {
      yield itemOf('DnsEntryItem', {
        Host: name,
        RecordName: name,
        RecordType: type,
        'RecordData/Host': target,
        'RecordData/IPv4Address': type === 'A' ? address : undefined,
        'RecordData/IPv6Address': type === 'AAAA' ? address : undefined,
      });
    }
  } catch (error) {
    request.problem('DNS cache', `${(error as Error).message}; systemd 254 or newer is needed`);
  }
}

/** Block lists put hundreds of thousands of lines into /etc/hosts. */
const HOSTS_LIMIT = 16 * 1024 * 1024;

function* hostsEntries(text: string): Generator<Item> {
  for (const line of text.split('\n')) {
    const [address = '', ...names] = line.replace(/#.*$/, '').trim().split(/\s+/);
    const bare = address.replace(/%.*$/, '');
    if (isIP(bare) === 0) continue;
    const six = isIPv6(bare);
    for (const name of names) {
      yield itemOf('DnsEntryItem', {
        Host: name,
        RecordName: name,
        RecordType: six ? 'AAAA' : 'A',
        'RecordData/IPv4Address': six ? undefined : bare,
        'RecordData/IPv6Address': six ? bare : undefined,
      });
    }
  }
}
