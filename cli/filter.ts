import { InvalidArgumentError, Option, type Command } from 'commander';
import {
  ConnectionState,
  DeviceFilter,
  IsolationFilter,
  isolationFilterToJSON,
} from '../shared/gen/cordon/v1/device.js';
import { characters } from '../shared/characters.js';

/** Flags that say which devices are meant. */
export interface FilterFlags {
  readonly group?: string;
  readonly tag?: string[];
  readonly name?: string;
  readonly os?: string;
  readonly online?: boolean;
  readonly offline?: boolean;
  readonly isolated?: boolean;
  readonly released?: boolean;
  readonly pending?: boolean;
}

/** `--group`, `--tag` and the others: devices for which all of them hold. */
export function addFilter(command: Command): Command {
  return command
    .option('--group <group>', 'devices of this group and its subgroups: path, id or root')
    .option('--tag <tag>', 'devices with this tag; repeat it for several that they all have', collectTag)
    .option('--name <pattern>', 'devices whose name fits, with * and ?', parsePattern)
    .option('--os <system>', 'devices with this operating system, for example linux')
    .addOption(new Option('--online', 'devices with an open stream').conflicts('offline'))
    .option('--offline', 'devices without an open stream')
    .addOption(
      new Option('--isolated', 'devices that report to be isolated, wholly or in part').conflicts([
        'released',
        'pending',
      ]),
    )
    .addOption(
      new Option('--released', 'devices that report not to be, or have not reported').conflicts('pending'),
    )
    .option('--pending', 'devices that have not reported their newest orders');
}

/** A tag, 1 to 64 characters: a word or `key=value`. */
export function parseTag(tag: string): string {
  if (tag === '' || characters(tag) > 64) throw new InvalidArgumentError('A tag has 1 to 64 characters.');
  return tag;
}

function collectTag(tag: string, before: string[] = []): string[] {
  return [...before, parseTag(tag)];
}

function parsePattern(pattern: string): string {
  if (pattern === '' || characters(pattern) > 253) {
    throw new InvalidArgumentError('A pattern has 1 to 253 characters.');
  }
  return pattern;
}

/** The filter of the flags. Undefined: none was given. */
export function filterOf(flags: FilterFlags): DeviceFilter | undefined {
  const filter = DeviceFilter.fromPartial({
    groupId: flags.group ?? '',
    tags: flags.tag ?? [],
    namePattern: flags.name ?? '',
    os: flags.os ?? '',
    connection: connectionOf(flags),
    isolation: isolationOf(flags),
  });
  return DeviceFilter.encode(filter).finish().length > 0 ? filter : undefined;
}

function connectionOf({ online, offline }: FilterFlags): ConnectionState {
  if (online) return ConnectionState.CONNECTION_STATE_ONLINE;
  return offline ? ConnectionState.CONNECTION_STATE_OFFLINE : ConnectionState.CONNECTION_STATE_UNSPECIFIED;
}

function isolationOf({ isolated, released, pending }: FilterFlags): IsolationFilter {
  if (isolated) return IsolationFilter.ISOLATION_FILTER_ISOLATED;
  if (released) return IsolationFilter.ISOLATION_FILTER_RELEASED;
  return pending ? IsolationFilter.ISOLATION_FILTER_PENDING : IsolationFilter.ISOLATION_FILTER_UNSPECIFIED;
}

/** A filter as a person reads it: `devices in OT/line 1, tagged critical`. */
export function filterText(filter: DeviceFilter): string {
  const parts = [
    ...(filter.groupId ? [`in ${filter.groupId}`] : []),
    ...filter.tags.map((tag) => `tagged ${tag}`),
    ...(filter.namePattern ? [`named ${filter.namePattern}`] : []),
    ...(filter.os ? [`with ${filter.os}`] : []),
    ...(filter.connection === ConnectionState.CONNECTION_STATE_UNSPECIFIED
      ? []
      : [filter.connection === ConnectionState.CONNECTION_STATE_ONLINE ? 'online' : 'offline']),
    ...(filter.isolation === IsolationFilter.ISOLATION_FILTER_UNSPECIFIED
      ? []
      : [isolationFilterToJSON(filter.isolation).replace('ISOLATION_FILTER_', '').toLowerCase()]),
  ];
  return parts.length > 0 ? `devices ${parts.join(', ')}` : 'all devices';
}
