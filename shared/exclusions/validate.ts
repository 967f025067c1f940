import { isAbsolute, win32 } from 'node:path';
import { characters } from '../characters.js';
import type { Violation } from '../errors.js';
import { ExclusionDirection, type ApplicationMatch, type Exclusion } from '../gen/cordon/v1/exclusion.js';
import type { PortRange } from '../gen/cordon/v1/network.js';
import { atOnce, type Pieces } from '../turns.js';
import { AddressError, isPlainAddress, parseAddressRange } from './address.js';

export const EXCLUSION_LIMITS = {
  perList: 10_000,
  entries: 256,
  name: 128,
  description: 1024,
  /** Local ports x remote ports x local addresses x remote addresses; a field with no entry counts as one. */
  combinationsPerExclusion: 4096,
  combinationsPerList: 100_000,
} as const;

/** A list with more mistakes than this is wrong as a whole; error details are not made for more. */
const MOST_VIOLATIONS = 100;

const TCP = 6;
const UDP = 17;
const HOST_NAME =
  /^(?=.{1,253}$)([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.?$/i;

/**
 * The rules that a list of exclusions breaks, at most 100; empty if it is in order. Both planes ask: the server before
 * it stores, the agent before it enforces. Whether a device can enforce an exclusion is no question of validity: an
 * application of another platform passes here and is reported by the device.
 * @param path field path of the list, for example `manual_settings.exclusions`
 */
export function validateExclusions(exclusions: readonly Exclusion[], path: string): Violation[] {
  return atOnce(violationsOf(exclusions, path));
}

/** The same in pieces. */
export function* violationsOf(exclusions: readonly Exclusion[], path: string): Pieces<Violation[]> {
  if (exclusions.length > EXCLUSION_LIMITS.perList) {
    return [
      { field: path, description: `has ${exclusions.length} entries; at most ${EXCLUSION_LIMITS.perList}` },
    ];
  }
  const combinations = exclusions.reduce((sum, exclusion) => sum + combinationsOf(exclusion), 0);
  const found: Violation[] = [];
  if (combinations > EXCLUSION_LIMITS.combinationsPerList) {
    found.push({
      field: path,
      description: `multiplies to ${combinations} combinations of ports and addresses; at most ${EXCLUSION_LIMITS.combinationsPerList}`,
    });
  }
  const seen = new Set<string>();
  for (const [index, exclusion] of exclusions.entries()) {
    if (found.length >= MOST_VIOLATIONS) break;
    yield;
    found.push(...validateExclusion(exclusion, `${path}[${index}]`));
    if (seen.has(exclusion.name)) {
      found.push({ field: `${path}[${index}].name`, description: `"${exclusion.name}" is used twice` });
    }
    seen.add(exclusion.name);
  }
  return found.slice(0, MOST_VIOLATIONS);
}

/** What one exclusion comes to in a packet filter: one entry of each list that is not empty, in every combination. */
function combinationsOf(exclusion: Exclusion): number {
  const { localPorts, remotePorts, localAddresses, remoteAddresses } = exclusion;
  return [localPorts, remotePorts, localAddresses, remoteAddresses].reduce(
    (product, { length }) => product * Math.max(1, length),
    1,
  );
}

function validateExclusion(exclusion: Exclusion, path: string): Violation[] {
  const found: Violation[] = [];
  const refuse = (field: string, description: string): void => {
    found.push({ field: `${path}.${field}`, description });
  };
  if (exclusion.name === '' || characters(exclusion.name) > EXCLUSION_LIMITS.name) {
    refuse('name', `must have 1 to ${EXCLUSION_LIMITS.name} characters`);
  } else if (/\p{Cc}/u.test(exclusion.name)) {
    refuse('name', 'must not contain control characters');
  } else if (exclusion.name.trim() === '') {
    refuse('name', 'must not be blank');
  }
  if (characters(exclusion.description) > EXCLUSION_LIMITS.description) {
    refuse('description', `must have at most ${EXCLUSION_LIMITS.description} characters`);
  }
  if (/(?![\n\t])\p{Cc}/u.test(exclusion.description)) {
    refuse('description', 'must not contain control characters other than line ends and tabs');
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
    if (ports.length > 0 && !hasPorts) refuse(field, portsWithout(protocol));
    found.push(...validatePorts(ports, `${path}.${field}`));
  }
  found.push(...validateAddresses(exclusion.localAddresses, `${path}.local_addresses`));
  found.push(...validateAddresses(exclusion.remoteAddresses, `${path}.remote_addresses`));
  const combinations = combinationsOf(exclusion);
  if (combinations > EXCLUSION_LIMITS.combinationsPerExclusion) {
    found.push({
      field: path,
      description: `multiplies to ${combinations} combinations of ports and addresses; at most ${EXCLUSION_LIMITS.combinationsPerExclusion}: write neighbours as ranges, or make several exclusions`,
    });
  }
  if (exclusion.remoteHost !== '') {
    const problem = hostProblem(exclusion.remoteHost);
    if (problem) refuse('remote_host', problem);
    if (exclusion.remoteAddresses.length > 0)
      refuse('remote_host', 'cannot be given together with remote_addresses');
  }
  if (exclusion.application) {
    const problem = applicationProblem(exclusion.application);
    if (problem) refuse('application', problem);
  }
  return found;
}

function portsWithout(protocol: number | undefined): string {
  const given = protocol === undefined ? 'any protocol' : `protocol ${protocol}`;
  return `ports need protocol 6 (TCP) or 17 (UDP); ${given} has none`;
}

function hostProblem(host: string): string | undefined {
  if (isPlainAddress(host) || /^[\d.]+$/.test(host)) return 'is an address; write it into remote_addresses';
  if (host.length > 254) return 'is longer than 253 characters';
  return HOST_NAME.test(host) ? undefined : `"${host}" is not a host name`;
}

function validatePorts(ports: readonly PortRange[], path: string): Violation[] {
  if (ports.length > EXCLUSION_LIMITS.entries) {
    return [{ field: path, description: `has ${ports.length} entries; at most ${EXCLUSION_LIMITS.entries}` }];
  }
  return ports.flatMap(({ first, last }, index) => {
    const field = `${path}[${index}]`;
    if (first > 65_535 || last > 65_535) return [{ field, description: 'ports are 0 to 65535' }];
    if (first === 0 && last === 0) {
      return [{ field, description: 'port 0 alone is no port; leave the entry out for any port' }];
    }
    if (last === 0) {
      return [{ field, description: `has no last port: a single port is written as ${first} to ${first}` }];
    }
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
      if (/\p{Cc}/u.test(target.value)) return 'executable_path must not contain control characters';
      return isAbsolute(target.value) || win32.isAbsolute(target.value)
        ? undefined
        : 'executable_path must be absolute';
    case 'windowsService':
      return /^[^/\\\p{Cc}]{1,256}$/u.test(target.value)
        ? undefined
        : 'windows_service is not a service name';
    case 'systemdUnit':
      return /^[\w:.@\\-]{1,255}$/.test(target.value) ? undefined : 'systemd_unit is not a unit name';
    case 'cgroup':
      return isCgroupPath(target.value)
        ? undefined
        : 'cgroup must be a path below the cgroup2 root, without a leading slash';
  }
}

/** Each step of the path is a folder: an empty one would count as a level of the hierarchy. */
function isCgroupPath(path: string): boolean {
  if (path.length > 4095 || /["\p{Cc}]/u.test(path)) return false;
  return path.split('/').every((step) => step !== '' && step !== '.' && step !== '..');
}
