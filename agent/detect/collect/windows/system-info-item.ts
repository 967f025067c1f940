import { arch, cpus, freemem, hostname, networkInterfaces, totalmem, uptime, userInfo } from 'node:os';
import type { Collector } from '../../item.js';
import { collector } from '../collector.js';
import { itemOf, type Known } from '../item-of.js';
import { orNotHere, reasonOf } from './not-here.js';
import { registryCalls, type RegistryCalls } from './registry-calls.js';
import { registryTexts } from './registry-values.js';

const VERSION = 'SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion';
const BOARD = 'HARDWARE\\DESCRIPTION\\System';
const PROCESSOR = `${BOARD}\\CentralProcessor\\0`;
const ZONE = 'SYSTEM\\CurrentControlSet\\Control\\TimeZoneInformation';
const TCPIP = 'SYSTEM\\CurrentControlSet\\Services\\Tcpip\\Parameters';
/** Of a user who is logged on at a desktop. */
const LOGON = 'Volatile Environment';
/** Interfaces, and users, that are looked at. */
const MOST_KEYS = 1_000;

/** This computer: one item. What the registry does not hold here is not in it. */
export function systemInfoCollector(open: () => Promise<RegistryCalls> = registryCalls): Collector {
  return collector({
    type: 'SystemInfoItem',
    properties: [
      'hostname',
      'domain',
      'machine',
      'OS',
      'OSbitness',
      'platform',
      'productName',
      'patchLevel',
      'buildNumber',
      'kernelVersion',
      'processor',
      'procType',
      'timezone',
      'timezoneStandard',
      'user',
      'loggedOnUser',
      'biosInfo/biosVersion',
      'biosInfo/biosDate',
      'directory',
      'regOwner',
      'regOrg',
      'productID',
      'totalphysical',
      'availphysical',
      'date',
      'installDate',
      'uptime',
      'MAC',
      'primaryIpAddress',
      'primaryIpv4Address',
      'primaryIpv6Address',
      ...NETWORK_PROPERTIES.map((property) => `networkArray/networkInfo/${property}`),
    ],
    most: 1,
    list: async function* ({ problem }) {
      const registry = await orNotHere(open());
      const values = (path: string, root: 'HKEY_LOCAL_MACHINE' | 'HKEY_USERS' = 'HKEY_LOCAL_MACHINE') => {
        try {
          return valuesOf(registry, root, path);
        } catch (error) {
          problem(`${root}\\${path}`, reasonOf(error));
          return new Map<string, readonly string[]>();
        }
      };
      yield itemOf('SystemInfoItem', {
        ...ofWindows(values(VERSION)),
        ...ofHardware(values(BOARD), values(PROCESSOR)),
        ...ofZone(values(ZONE)),
        ...ofNetwork(networkInterfaces()),
        ...ofInterfaces(
          subKeysOf(registry, 'HKEY_LOCAL_MACHINE', `${TCPIP}\\Interfaces`).map((name) =>
            values(`${TCPIP}\\Interfaces\\${name}`),
          ),
        ),
        hostname: hostname(),
        machine: hostname(),
        domain: firstOf(values(TCPIP), 'Domain') ?? firstOf(values(TCPIP), 'DhcpDomain'),
        user: userInfo().username,
        loggedOnUser: subKeysOf(registry, 'HKEY_USERS', '').flatMap((sid) => {
          const environment = values(`${sid}\\${LOGON}`, 'HKEY_USERS');
          const name = firstOf(environment, 'USERNAME');
          const domain = firstOf(environment, 'USERDOMAIN');
          return name === undefined ? [] : domain === undefined ? [name] : [`${domain}\\${name}`, name];
        }),
        date: Date.now(),
        uptime: uptime(),
        totalphysical: totalmem(),
        availphysical: freemem(),
        platform: 'windows',
        OSbitness: arch().endsWith('64') ? '64-bit' : '32-bit',
      });
    },
  });
}

const NETWORK_PROPERTIES = [
  'adapter',
  'MAC',
  'ipArray/ipInfo/ipAddress',
  'ipArray/ipInfo/ipv6Address',
  'ipArray/ipInfo/subnetMask',
  'ipGatewayArray/ipGateway',
  'dhcpServerArray/dhcpServer',
];

/** Values of a key by their names in upper case. */
type Values = ReadonlyMap<string, readonly string[]>;

function firstOf(values: Values, name: string): string | undefined {
  return values.get(name.toUpperCase())?.find((text) => text !== '');
}

function ofWindows(values: Values): Record<string, Known> {
  const of = (name: string): string | undefined => firstOf(values, name);
  const [build, revision] = [of('CurrentBuildNumber') ?? of('CurrentBuild'), of('UBR')];
  const installed = Number(of('InstallDate') ?? NaN);
  const major = of('CurrentMajorVersionNumber');
  const version =
    major === undefined ? of('CurrentVersion') : `${major}.${of('CurrentMinorVersionNumber') ?? 0}`;
  return {
    OS: [of('ProductName'), version && build && `${version}.${build}`].filter((text) => text !== undefined),
    productName: of('ProductName'),
    patchLevel: of('CSDVersion') ?? of('DisplayVersion'),
    buildNumber:
      build === undefined ? undefined : revision === undefined ? build : [build, `${build}.${revision}`],
    kernelVersion: version && build && `${version}.${build}`,
    productID: of('ProductId'),
    // Seconds since 1970.
    installDate: Number.isFinite(installed) ? installed * 1000 : undefined,
    regOwner: of('RegisteredOwner'),
    regOrg: of('RegisteredOrganization'),
    directory: of('SystemRoot'),
  };
}

function ofHardware(board: Values, processor: Values): Record<string, Known> {
  return {
    'biosInfo/biosVersion': board.get('SYSTEMBIOSVERSION'),
    'biosInfo/biosDate': firstOf(board, 'SystemBiosDate'),
    processor: firstOf(processor, 'ProcessorNameString') ?? cpus()[0]?.model,
    procType: firstOf(processor, 'Identifier'),
  };
}

function ofZone(values: Values): Record<string, Known> {
  return {
    timezone: firstOf(values, 'TimeZoneKeyName'),
    timezoneStandard: firstOf(values, 'StandardName'),
  };
}

type Interfaces = ReturnType<typeof networkInterfaces>;

function ofNetwork(interfaces: Interfaces): Record<string, Known> {
  const all = Object.entries(interfaces).flatMap(([adapter, list]) =>
    (list ?? []).filter(({ internal }) => !internal).map((one) => ({ ...one, adapter })),
  );
  const of = (family: 'IPv4' | 'IPv6'): string[] =>
    all.filter((one) => one.family === family).map(({ address }) => address);
  const macs = all.map(({ mac }) => mac);
  return {
    MAC: macs,
    primaryIpAddress: [of('IPv4')[0] ?? of('IPv6')[0] ?? ''],
    primaryIpv4Address: of('IPv4')[0],
    primaryIpv6Address: of('IPv6')[0],
    'networkArray/networkInfo/adapter': all.map(({ adapter }) => adapter),
    'networkArray/networkInfo/MAC': macs,
    'networkArray/networkInfo/ipArray/ipInfo/ipAddress': of('IPv4'),
    'networkArray/networkInfo/ipArray/ipInfo/ipv6Address': of('IPv6'),
    'networkArray/networkInfo/ipArray/ipInfo/subnetMask': all.map(({ netmask }) => netmask),
  };
}

/** @param interfaces keys of the interfaces, with what DHCP or somebody has set */
function ofInterfaces(interfaces: readonly Values[]): Record<string, Known> {
  const of = (...names: readonly string[]): string[] =>
    interfaces.flatMap((values) => names.flatMap((name) => values.get(name.toUpperCase()) ?? []));
  return {
    'networkArray/networkInfo/ipGatewayArray/ipGateway': of('DefaultGateway', 'DhcpDefaultGateway'),
    // Where no server has answered it is this.
    'networkArray/networkInfo/dhcpServerArray/dhcpServer': of('DhcpServer').filter(
      (address) => address !== '255.255.255.255',
    ),
  };
}

function valuesOf(registry: RegistryCalls, root: 'HKEY_LOCAL_MACHINE' | 'HKEY_USERS', path: string): Values {
  const key = registry.open(root, path);
  const found = new Map<string, readonly string[]>();
  try {
    for (let value = key?.value(0); key && value; value = key.value(found.size)) {
      found.set(value.name.toUpperCase(), registryTexts(value));
    }
    return found;
  } finally {
    key?.close();
  }
}

function subKeysOf(
  registry: RegistryCalls,
  root: 'HKEY_LOCAL_MACHINE' | 'HKEY_USERS',
  path: string,
): string[] {
  const key = registry.open(root, path);
  const names: string[] = [];
  try {
    for (let name = key?.subKey(0); key && name !== undefined; name = key.subKey(names.length)) {
      if (names.push(name) === MOST_KEYS) break;
    }
    return names;
  } finally {
    key?.close();
  }
}
