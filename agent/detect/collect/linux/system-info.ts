import * as os from 'node:os';
import type { Collector, Item } from '../../item.js';
import { collector } from '../collector.js';
import { itemOf, type Known } from '../item-of.js';
import { readLogins } from './login-records.js';
import { defaultRoutes } from './routes.js';
import type { SystemFiles } from './system-files.js';
import type { LinuxSystem } from './system.js';

/** What Node.js tells of this computer. */
export type OsFacts = Pick<
  typeof os,
  'hostname' | 'release' | 'machine' | 'cpus' | 'totalmem' | 'uptime' | 'userInfo' | 'networkInterfaces'
>;

const ADAPTERS = 'networkArray/networkInfo';

/** This computer itself: one item. */
export function systemInfoCollector(system: LinuxSystem, facts: OsFacts = os): Collector {
  return collector({
    type: 'SystemInfoItem',
    properties: [
      'hostname',
      'machine',
      'domain',
      'OS',
      'productName',
      'OSbitness',
      'platform',
      'kernelVersion',
      'processor',
      'procType',
      'totalphysical',
      'availphysical',
      'biosInfo/biosVersion',
      'biosInfo/biosDate',
      'timezone',
      'date',
      'uptime',
      'user',
      'loggedOnUser',
      'MAC',
      'primaryIpAddress',
      'primaryIpv4Address',
      'primaryIpv6Address',
      `${ADAPTERS}/adapter`,
      `${ADAPTERS}/MAC`,
      `${ADAPTERS}/ipArray/ipInfo/ipAddress`,
      `${ADAPTERS}/ipArray/ipInfo/ipv6Address`,
      `${ADAPTERS}/ipArray/ipInfo/subnetMask`,
      `${ADAPTERS}/ipGatewayArray/ipGateway`,
    ],
    most: 1,
    list: () => [systemInfo(system, facts)],
  });
}

function systemInfo({ files, now }: LinuxSystem, facts: OsFacts): Item {
  const name = facts.hostname();
  const product = productName(files);
  const kernel = facts.release();
  return itemOf('SystemInfoItem', {
    hostname: name,
    machine: name,
    domain: domainOf(files, name),
    OS: product,
    productName: product,
    OSbitness: /64|s390x/.test(facts.machine()) ? '64-bit' : '32-bit',
    platform: 'linux',
    kernelVersion: kernel,
    processor: facts.cpus().map(({ model }) => model.trim()),
    procType: facts.machine(),
    totalphysical: facts.totalmem(),
    availphysical: availableMemory(files),
    'biosInfo/biosVersion': files.read('/sys/class/dmi/id/bios_version')?.trim(),
    'biosInfo/biosDate': files.read('/sys/class/dmi/id/bios_date')?.trim(),
    timezone: Intl.DateTimeFormat().resolvedOptions().timeZone,
    date: now(),
    uptime: Math.floor(facts.uptime()),
    user: facts.userInfo().username,
    loggedOnUser: loggedOn(files),
    ...network(files, facts),
  });
}

function productName(files: SystemFiles): string | undefined {
  const text = files.read('/etc/os-release') ?? files.read('/usr/lib/os-release') ?? '';
  return /^PRETTY_NAME=(["']?)(.*)\1$/m.exec(text)?.[2];
}

/** Behind the first dot of the host's name; else the first one in which the resolver looks names up. */
function domainOf(files: SystemFiles, hostname: string): string | undefined {
  const own = hostname.split('.').slice(1).join('.');
  return own || /^(?:search|domain)[ \t]+(\S+)/m.exec(files.read('/etc/resolv.conf') ?? '')?.[1];
}

function availableMemory(files: SystemFiles): number | undefined {
  const found = /^MemAvailable:\s+(\d+) kB$/m.exec(files.read('/proc/meminfo') ?? '');
  return found ? Number(found[1]) * 1024 : undefined;
}

/** Those at terminals and desktops: systemd-logind knows them, older systems write them down. */
function loggedOn(files: SystemFiles): string[] {
  const sessions = files
    .list('/run/systemd/sessions')
    .flatMap((id) => /^USER=(.+)$/m.exec(files.read(`/run/systemd/sessions/${id}`) ?? '')?.[1] ?? []);
  return [...sessions, ...readLogins(files, '/run/utmp').map(({ user }) => user)];
}

function network(files: SystemFiles, facts: OsFacts): Record<string, Known> {
  const all = Object.entries(facts.networkInterfaces()).flatMap(([name, list]) =>
    (list ?? []).map((address) => ({ name, ...address })),
  );
  const outside = all.filter(({ internal }) => !internal);
  const routes = defaultRoutes(files);
  // The address by which others know the computer is on the interface of its default route.
  const first = (family: 4 | 6): (typeof all)[number] | undefined => {
    const way = routes.find((route) => route.family === family)?.interface;
    const candidates = outside.filter(
      (entry) => entry.family === `IPv${family}` && !entry.address.startsWith('fe80:'),
    );
    return candidates.find(({ name }) => name === way) ?? candidates[0];
  };
  const [four, six] = [first(4), first(6)];
  return {
    MAC: (four ?? six)?.mac,
    primaryIpAddress: (four ?? six)?.address,
    primaryIpv4Address: four?.address,
    primaryIpv6Address: six?.address,
    [`${ADAPTERS}/adapter`]: all.map(({ name }) => name),
    [`${ADAPTERS}/MAC`]: outside.map(({ mac }) => mac),
    [`${ADAPTERS}/ipArray/ipInfo/ipAddress`]: all
      .filter(({ family }) => family === 'IPv4')
      .map(({ address }) => address),
    [`${ADAPTERS}/ipArray/ipInfo/ipv6Address`]: all
      .filter(({ family }) => family === 'IPv6')
      .map(({ address }) => address),
    [`${ADAPTERS}/ipArray/ipInfo/subnetMask`]: all.map(({ netmask }) => netmask),
    [`${ADAPTERS}/ipGatewayArray/ipGateway`]: routes.map(({ gateway }) => gateway),
  };
}
