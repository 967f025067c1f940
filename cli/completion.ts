import tab from '@bomb.sh/tab/commander';
import type { Command } from 'commander';
import { DeviceServiceService, ListDevicesRequest } from '../shared/gen/cordon/v1/device_service.js';
import { standardProfiles } from '../shared/exclusions/profiles.js';
import { GroupServiceService, ListGroupsRequest } from '../shared/gen/cordon/v1/group_service.js';
import { AlertState } from '../shared/gen/cordon/v1/alert.js';
import { readAlerts, shortId } from './alerts/find.js';
import { connectApi, type Api } from './client.js';
import { readDocuments, shortHash } from './ioc/documents.js';
import { readScans } from './scan/tasks.js';
import type { CliIo, TextSink } from './io.js';
import { PAGE_SIZE } from './pages.js';
import { configPath, readConfigFile } from './session/config-file.js';
import { readPolicies } from './settings/policies.js';
import { connectionSettings } from './session/settings.js';

/** A person presses Tab and waits: after this time, milliseconds, there are simply no names. */
const NAMES_DEADLINE_MS = 1000;

/** Alerts that can be completed: the newest open ones. */
const MOST_ALERTS = 100;

const COMPLETION = 'completion';

/** The library's script calls a function of the package bash-completion, which is not on every computer. */
const BASH_WORDS = `
if ! declare -F _get_comp_words_by_ref >/dev/null; then
    _get_comp_words_by_ref() {
        words=("\${COMP_WORDS[@]}")
        cword=$COMP_CWORD
        cur=\${COMP_WORDS[COMP_CWORD]}
        prev=\${COMP_WORDS[COMP_CWORD-1]}
    }
fi
`;

/** Things that have names. */
export type Named = 'device' | 'group' | 'policy' | 'profile' | 'document' | 'scan' | 'alert';

/** Names on the server, by what they name. */
export type Names = Readonly<Record<Named, readonly string[]>>;

export const NO_NAMES: Names = {
  device: [],
  group: [],
  policy: [],
  profile: [],
  document: [],
  scan: [],
  alert: [],
};

/** Commands whose arguments name something. */
const ARGUMENTS: Readonly<Record<Named, readonly string[]>> = {
  device: [
    'isolate',
    'release',
    'devices show',
    'devices watch',
    'devices move',
    'devices tag',
    'devices rename',
    'devices ban',
    'devices unban',
    'devices remove',
    'command self-test',
    'command connections',
    'quarantine list',
    'quarantine restore',
    'policy effective',
    'task effective',
  ],
  group: ['group rename', 'group move', 'group delete'],
  policy: ['policy show', 'policy set', 'policy set-password', 'policy delete', 'policy export'],
  profile: ['profile show', 'exclusion add-profile', 'exclusion update-profile'],
  document: ['ioc show', 'ioc remove'],
  scan: [
    'scan show',
    'scan set',
    'scan remove',
    'scan run',
    'scan status',
    'scan pause',
    'scan resume',
    'scan cancel',
  ],
  alert: ['alerts show', 'alerts comment', 'alerts close', 'alerts isolate'],
};

/** Flags that name something, wherever they are. */
const FLAGS: ReadonlyMap<string, Named> = new Map([
  ['device', 'device'],
  ['task-device', 'device'],
  ['group', 'group'],
  ['task-group', 'group'],
  ['to', 'group'],
  ['policy', 'policy'],
  ['document', 'document'],
  ['task', 'scan'],
]);

/**
 * Adds `completion SHELL`, which prints a script, and the hidden `complete`, which the script calls.
 * @param names already read: the library asks for suggestions without waiting
 */
export function addCompletion(program: Command, names: Names, stdout: TextSink): void {
  const root = tab(program, { completionCommandName: COMPLETION });
  program.commands
    .find((command) => command.name() === COMPLETION)
    ?.hook('preAction', (_, { args: [shell] }) => {
      if (shell === 'bash') stdout.write(BASH_WORDS);
    });
  const suggest =
    (named: Named) =>
    (complete: (value: string, description: string) => void): void => {
      for (const name of names[named]) complete(name, '');
    };
  for (const [named, paths] of Object.entries(ARGUMENTS) as [Named, readonly string[]][]) {
    for (const path of paths) {
      const [first] = root.commands.get(path)?.arguments.values() ?? [];
      if (first) first.handler = suggest(named);
    }
  }
  for (const command of root.commands.values()) {
    for (const [flag, named] of FLAGS) {
      const option = command.options.get(flag);
      if (option) option.handler = suggest(named);
    }
  }
}

/** Names on the server, or none where it does not answer at once: completion never complains. */
export async function readNames(io: CliIo): Promise<Names> {
  try {
    const settings = connectionSettings({}, io.env, readConfigFile(configPath(io.env)));
    const deps = { clock: io.clock, random: io.random, deadlineMs: NAMES_DEADLINE_MS };
    const api = connectApi(settings, deps);
    const orNone = (read: Promise<readonly string[]>): Promise<readonly string[]> => read.catch(() => []);
    try {
      const [device, group, policy, document, scan, alert] = await Promise.all([
        orNone(readDeviceNames(api)),
        orNone(readGroupPaths(api)),
        orNone(readPolicies(api).then((policies) => policies.map(({ displayName }) => displayName))),
        orNone(
          readDocuments(api, PAGE_SIZE).then((all) =>
            all.map(({ displayName, hash }) => displayName || shortHash(hash)),
          ),
        ),
        orNone(readScans(api).then((scans) => scans.map(({ displayName }) => displayName))),
        orNone(
          readAlerts(api, { state: AlertState.ALERT_STATE_OPEN }, MOST_ALERTS).then((alerts) =>
            alerts.map(({ id }) => shortId(id)),
          ),
        ),
      ]);
      const profile = standardProfiles().map(({ id }) => id);
      return { device, group, policy, profile, document, scan, alert };
    } finally {
      api.close();
    }
  } catch {
    return NO_NAMES;
  }
}

async function readDeviceNames(api: Api): Promise<string[]> {
  const request = ListDevicesRequest.fromPartial({ pageSize: PAGE_SIZE });
  return (await api.unary(DeviceServiceService.listDevices, request)).devices.map(({ name }) => name);
}

async function readGroupPaths(api: Api): Promise<string[]> {
  const request = ListGroupsRequest.fromPartial({ pageSize: PAGE_SIZE });
  const { groups } = await api.unary(GroupServiceService.listGroups, request);
  return groups.map(({ path }) => path || 'root');
}
