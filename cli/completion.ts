import tab from '@bomb.sh/tab/commander';
import type { Command } from 'commander';
import { DeviceServiceService, ListDevicesRequest } from '../shared/gen/cordon/v1/device_service.js';
import { standardProfiles } from '../shared/exclusions/profiles.js';
import { GroupServiceService, ListGroupsRequest } from '../shared/gen/cordon/v1/group_service.js';
import { connectApi } from './client.js';
import type { CliIo, TextSink } from './io.js';
import { PAGE_SIZE } from './pages.js';
import { configPath, readConfigFile } from './session/config-file.js';
import { readPolicies } from './settings/policies.js';
import { connectionSettings } from './session/settings.js';

/** A person presses Tab and waits: after this time, milliseconds, there are simply no names. */
const NAMES_DEADLINE_MS = 1000;

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
export type Named = 'device' | 'group' | 'policy' | 'profile';

/** Names on the server, by what they name. */
export type Names = Readonly<Record<Named, readonly string[]>>;

export const NO_NAMES: Names = { device: [], group: [], policy: [], profile: [] };

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
    'policy effective',
    'task effective',
  ],
  group: ['group rename', 'group move', 'group delete'],
  policy: ['policy show', 'policy set', 'policy set-password', 'policy delete', 'policy export'],
  profile: ['profile show', 'exclusion add-profile', 'exclusion update-profile'],
};

/** Flags that name something, wherever they are. */
const FLAGS: ReadonlyMap<string, Named> = new Map([
  ['device', 'device'],
  ['task-device', 'device'],
  ['group', 'group'],
  ['task-group', 'group'],
  ['to', 'group'],
  ['policy', 'policy'],
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
    const pageSize = PAGE_SIZE;
    try {
      const [device, group, policy] = await Promise.all([
        orNone(
          api
            .unary(DeviceServiceService.listDevices, ListDevicesRequest.fromPartial({ pageSize }))
            .then(({ devices }) => devices.map(({ name }) => name)),
        ),
        orNone(
          api
            .unary(GroupServiceService.listGroups, ListGroupsRequest.fromPartial({ pageSize }))
            .then(({ groups }) => groups.map(({ path }) => path || 'root')),
        ),
        orNone(readPolicies(api).then((policies) => policies.map(({ displayName }) => displayName))),
      ]);
      return { device, group, policy, profile: standardProfiles().map(({ id }) => id) };
    } finally {
      api.close();
    }
  } catch {
    return NO_NAMES;
  }
}
