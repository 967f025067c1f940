import { isAbsolute, win32 } from 'node:path';
import { characters } from '../characters.js';
import type { Violation } from '../errors.js';
import { ExclusionDirection, type ApplicationMatch, type Exclusion } from '../gen/cordon/v1/exclusion.js';
import type { PortRange } from '../gen/cordon/v1/network.js';
import { AddressError, parseAddressRange } from './address.js';

export const EXCLUSION_LIMITS = { perList: 10_000, entries: 256, name: 128, description: 1024 } as const;

const TCP = 6;
const UDP = 17;
const HOST_NAME =
  /^(?=.{1,253}$)([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.?$/i;

/**
 * Every rule that a list of exclusions breaks; empty if it is in order. Both planes call it: the server before it stores,
 * the agent before it enforces.
 * @param path field path of the list, for example `manual_settings.exclusions`
 */
export function validateExclusions(exclusions: readonly Exclusion[], path: string): Violation[] {
  if (exclusions.length > EXCLUSION_LIMITS.perList) {
    return [
      { field: path, description: `has ${exclusions.length} entries; at most ${EXCLUSION_LIMITS.perList}` },
    ];
  }
  const seen = new Set<string>();
  return exclusions.flatMap((exclusion, index) => {
    const found = validateExclusion(exclusion, `${path}[${index}]`);
    const key = exclusion.source ? `${exclusion.source.profileId}/${exclusion.name}` : `/${exclusion.name}`;
    if (seen.has(key))
      found.push({ field: `${path}[${index}].name`, description: `"${exclusion.name}" is used twice` });
    seen.add(key);
    return found;
  });
}

function validateExclusion(exclusion: Exclusion, path: string): Violation[] {
  const found: Violation[] = [];
  const refuse = (field: string, description: string): void => {
    found.push({ field: `${path}.${field}`, description });
  };
  if (exclusion.name === '' || characters(exclusion.name) > EXCLUSION_LIMITS.name) {
    refuse('name', `must have 1 to ${EXCLUSION_LIMITS.name} characters`);
  }
  if (characters(exclusion.description) > EXCLUSION_LIMITS.description) {
    refuse('description', `must have at most ${EXCLUSION_LIMITS.description} characters`);
  }
  if (
    exclusion.direction === ExclusionDirection.UNRECOGNIZED ||
    !(exclusion.direction in ExclusionDirection)
  ) {
    refuse('direction', 'is not a direction that this version knows');
  }
  const { protocol } = exclusion;
  if (protocol !== undefined && protocol > 255) refuse('protocol', 'must be 0 to 255');
  const hasPorts = protocol === TCP || protocol === UDP;
  for (const [field, ports] of [
    ['local_ports', exclusion.localPorts],
    ['remote_ports', exclusion.remotePorts],
  ] as const) {
    if (ports.length > 0 && !hasPorts) refuse(field, 'ports need protocol 6 (TCP) or 17 (UDP)');
    found.push(...validatePorts(ports, `${path}.${field}`));
  }
  found.push(...validateAddresses(exclusion.localAddresses, `${path}.local_addresses`));
  found.push(...validateAddresses(exclusion.remoteAddresses, `${path}.remote_addresses`));
  if (exclusion.remoteHost !== '') {
    if (!HOST_NAME.test(exclusion.remoteHost))
      refuse('remote_host', `"${exclusion.remoteHost}" is not a host name`);
    if (exclusion.remoteAddresses.length > 0)
      refuse('remote_host', 'cannot be given together with remote_addresses');
  }
  if (exclusion.application) {
    const problem = applicationProblem(exclusion.application);
    if (problem) refuse('application', problem);
  }
  return found;
}

function validatePorts(ports: readonly PortRange[], path: string): Violation[] {
  if (ports.length > EXCLUSION_LIMITS.entries) {
    return [{ field: path, description: `has ${ports.length} entries; at most ${EXCLUSION_LIMITS.entries}` }];
  }
  return ports.flatMap(({ first, last }, index) => {
    const field = `${path}[${index}]`;
    if (first > 65_535 || last > 65_535) return [{ field, description: 'ports are 0 to 65535' }];
    if (first > last) return [{ field, description: `is reversed: ${first} is above ${last}` }];
    return [];
  });
}

function validateAddresses(addresses: readonly string[], path: string): Violation[] {
  if (addresses.length > EXCLUSION_LIMITS.entries) {
    return [
      { field: path, description: `has ${addresses.length} entries; at most ${EXCLUSION_LIMITS.entries}` },
    ];
  }
  return addresses.flatMap((address, index) => {
    try {
      parseAddressRange(address);
      return [];
    } catch (error) {
      if (!(error instanceof AddressError)) throw error;
      return [{ field: `${path}[${index}]`, description: error.message }];
    }
  });
}

function applicationProblem({ target }: ApplicationMatch): string | undefined {
  switch (target?.$case) {
    case undefined:
      return 'names no program that this version knows';
    case 'executablePath':
      return isAbsolute(target.value) || win32.isAbsolute(target.value)
        ? undefined
        : 'executable_path must be absolute';
    case 'windowsService':
      return /^[^/\\]{1,256}$/.test(target.value) ? undefined : 'windows_service is not a service name';
    case 'systemdUnit':
      return /^[\w:.@\\-]{1,255}$/.test(target.value) ? undefined : 'systemd_unit is not a unit name';
    case 'cgroup':
      return /^(?!\/)(?!.*(^|\/)\.\.?(\/|$))[^"\n\0]{1,4095}$/.test(target.value)
        ? undefined
        : 'cgroup must be a path below the cgroup2 root, without a leading slash';
  }
}
