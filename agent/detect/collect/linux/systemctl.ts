import { COMMAND_SETTINGS, serviceNames, type Service } from './service.js';
import type { ServiceCommand } from './unit-text.js';

const PROPERTIES = [
  'Id',
  'Names',
  'Description',
  'ActiveState',
  'SubState',
  'UnitFileState',
  'MainPID',
  'Type',
  'User',
  ...COMMAND_SETTINGS,
];

/** Arguments of `systemctl` that list every service that systemd has loaded. */
export const SHOW_SERVICES = [
  'show',
  '--no-pager',
  '--all',
  '--type=service',
  `--property=${PROPERTIES.join(',')}`,
  '*',
];

/** A service as systemd has it in memory. */
export interface LoadedService extends Service {
  /** Its own name, for example `ssh.service`. */
  readonly id: string;
}

/** Services in the output of `systemctl show`: blocks of `Name=value` with an empty line between them. */
export function parseSystemctl(output: string): LoadedService[] {
  return output.split('\n\n').flatMap((block) => {
    const values = new Map<string, string[]>();
    for (const line of block.split('\n')) {
      const at = line.indexOf('=');
      if (at < 1) continue;
      const name = line.slice(0, at);
      values.set(name, [...(values.get(name) ?? []), line.slice(at + 1)]);
    }
    return serviceOf(values) ?? [];
  });
}

function serviceOf(values: ReadonlyMap<string, readonly string[]>): LoadedService | undefined {
  const text = (name: string): string | undefined => values.get(name)?.[0] || undefined;
  const id = text('Id');
  if (id === undefined) return undefined;
  const pid = Number(text('MainPID') ?? 0);
  return {
    id,
    names: serviceNames([...new Set([id, ...(text('Names') ?? '').split(' ').filter(Boolean)])]),
    title: text('Description'),
    description: text('Description'),
    commands: COMMAND_SETTINGS.flatMap((name) => values.get(name) ?? []).flatMap(
      (value) => commandOf(value) ?? [],
    ),
    mode: text('UnitFileState'),
    type: text('Type'),
    user: text('User') ?? 'root',
    status: [text('ActiveState'), text('SubState')].filter((word) => word !== undefined),
    pid: pid === 0 ? undefined : pid,
  };
}

/** `{ path=/usr/sbin/sshd ; argv[]=/usr/sbin/sshd -D $SSHD_OPTS ; ignore_errors=no ; ... }` */
function commandOf(value: string): ServiceCommand | undefined {
  const found = /^\{ path=(.*?) ; argv\[\]=(.*?) ; (?:ignore_errors|flags)=/.exec(value);
  if (!found) return undefined;
  const [, path = '', argv = ''] = found;
  // The first word is the program once more, or the name that it is to go by.
  const rest = argv.startsWith(path) ? argv.slice(path.length) : argv.replace(/^\S+/, '');
  return { path, arguments: rest.trim() };
}
