import { setImmediate } from 'node:timers/promises';
import type { CollectRequest, Collector } from '../../item.js';
import { collector, type Asks } from '../collector.js';
import { itemOf, type Known } from '../item-of.js';
import { hashFile, type HashName } from './file-hashes.js';
import { orNotHere, reasonOf } from './not-here.js';
import { registryCalls, type RegistryCalls } from './registry-calls.js';
import { registryTexts } from './registry-values.js';
import { splitCommand } from './service-command.js';
import { openServiceList, type ListedService, type ServiceList } from './service-list.js';

const HASHES: readonly HashName[] = ['md5', 'sha1', 'sha256'];
/** Services that are looked at before other work gets its turn. */
const SLICE = 20;
/** Numbers of SERVICE_STOPPED and so on, in their order from 1. */
export const SERVICE_STATES = [
  '',
  'SERVICE_STOPPED',
  'SERVICE_START_PENDING',
  'SERVICE_STOP_PENDING',
  'SERVICE_RUNNING',
  'SERVICE_CONTINUE_PENDING',
  'SERVICE_PAUSE_PENDING',
  'SERVICE_PAUSED',
];
/** Numbers of SERVICE_BOOT_START and so on, in their order. */
export const SERVICE_STARTS = [
  'SERVICE_BOOT_START',
  'SERVICE_SYSTEM_START',
  'SERVICE_AUTO_START',
  'SERVICE_DEMAND_START',
  'SERVICE_DISABLED',
];
/** Bits of a service's type. One has several values where several are set, as those that belong to one user have. */
export const SERVICE_TYPES: readonly (readonly [bit: number, name: string])[] = [
  [0x1, 'SERVICE_KERNEL_DRIVER'],
  [0x2, 'SERVICE_FILE_SYSTEM_DRIVER'],
  [0x8, 'SERVICE_RECOGNIZER_DRIVER'],
  [0x10, 'SERVICE_WIN32_OWN_PROCESS'],
  [0x20, 'SERVICE_WIN32_SHARE_PROCESS'],
  [0x40, 'SERVICE_USER_SERVICE'],
  [0x100, 'SERVICE_INTERACTIVE_PROCESS'],
];

/** Services and drivers, running or not. */
export function serviceCollector(): Collector {
  return collector({
    type: 'ServiceItem',
    properties: [
      'name',
      'descriptiveName',
      'description',
      'mode',
      'status',
      'path',
      'arguments',
      'serviceDLL',
      'startedAs',
      'type',
      'pid',
      ...HASHES.flatMap((hash) => [`path${hash}sum`, `serviceDLL${hash}sum`]),
    ],
    most: 100_000,
    list: async function* (request, asks) {
      const [services, registry] = await orNotHere(Promise.all([openServiceList(), registryCalls()]));
      try {
        let looked = 0;
        for (const service of services.list()) {
          if (++looked % SLICE === 0) await setImmediate();
          yield itemOf('ServiceItem', await describe(service, { services, registry, request, asks }));
        }
      } finally {
        services.close();
      }
    },
  });
}

interface Look {
  readonly services: ServiceList;
  readonly registry: RegistryCalls;
  readonly request: CollectRequest;
  readonly asks: Asks;
}

async function describe(service: ListedService, look: Look): Promise<Record<string, Known>> {
  const { services, registry, request, asks } = look;
  const told = <T>(what: string, work: () => T): T | undefined => {
    try {
      return work();
    } catch (error) {
      request.problem(`service ${service.name}`, `${what}: ${reasonOf(error)}`);
      return undefined;
    }
  };
  const settings = told('settings', () => services.settings(service.name));
  const command = settings && splitCommand(settings.command, process.env);
  const wantsDll = asks('serviceDLL') || HASHES.some((hash) => asks(`serviceDLL${hash}sum`));
  const dll = wantsDll ? told('its library', () => libraryOf(registry, service.name)) : undefined;
  return {
    name: service.name,
    descriptiveName: service.displayName,
    description: asks('description')
      ? told('description', () => services.description(service.name))
      : undefined,
    mode: settings && SERVICE_STARTS[settings.start],
    status: SERVICE_STATES[service.state],
    path: command?.path,
    arguments: command?.arguments,
    serviceDLL: dll,
    startedAs: settings?.account,
    type: SERVICE_TYPES.filter(([bit]) => (service.type & bit) !== 0).map(([, name]) => name),
    pid: service.pid === 0 ? undefined : service.pid,
    ...(await hashesOf('path', command?.path, look, service.name)),
    ...(await hashesOf('serviceDLL', dll, look, service.name)),
  };
}

/** What svchost.exe loads for a service; undefined: it has no library. */
function libraryOf(registry: RegistryCalls, name: string): string | undefined {
  const key = registry.open('HKEY_LOCAL_MACHINE', `SYSTEM\\CurrentControlSet\\Services\\${name}\\Parameters`);
  try {
    for (let index = 0, value = key?.value(0); key && value; value = key.value(++index)) {
      if (value.name.toUpperCase() !== 'SERVICEDLL') continue;
      const [text = ''] = registryTexts(value);
      return text === '' ? undefined : splitCommand(`"${text}"`, process.env).path;
    }
    return undefined;
  } finally {
    key?.close();
  }
}

async function hashesOf(
  file: 'path' | 'serviceDLL',
  path: string | undefined,
  { asks, request }: Look,
  service: string,
): Promise<Record<string, Known>> {
  const wanted = HASHES.filter((hash) => asks(`${file}${hash}sum`));
  if (path === undefined || path === '' || wanted.length === 0) return {};
  try {
    const hashes = await hashFile(path, wanted, request.signal);
    return Object.fromEntries(wanted.map((hash) => [`${file}${hash}sum`, hashes[hash]]));
  } catch (error) {
    request.problem(`service ${service}`, `hash of ${path}: ${reasonOf(error)}`);
    return {};
  }
}
