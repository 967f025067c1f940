import tab from '@bomb.sh/tab/commander';
import type { Command } from 'commander';
import { DeviceServiceService, ListDevicesRequest } from '../shared/gen/cordon/v1/device_service.js';
import { connectApi } from './client.js';
import type { CliIo, TextSink } from './io.js';
import { PAGE_SIZE } from './pages.js';
import { configPath, readConfigFile } from './session/config-file.js';
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

/** Commands whose arguments are devices. */
const DEVICE_ARGUMENTS = [
  'isolate',
  'release',
  'devices show',
  'devices watch',
  'devices ban',
  'devices unban',
  'devices remove',
  'command self-test',
  'command connections',
];

/** Commands with a flag `--device`. */
const DEVICE_FLAGS = ['isolations list', 'audit list'];

/**
 * Adds `completion SHELL`, which prints a script, and the hidden `complete`, which the script calls.
 * @param names of devices, already read: the library asks for suggestions without waiting
 */
export function addCompletion(program: Command, names: readonly string[], stdout: TextSink): void {
  const root = tab(program, { completionCommandName: COMPLETION });
  program.commands
    .find((command) => command.name() === COMPLETION)
    ?.hook('preAction', (_, { args: [shell] }) => {
      if (shell === 'bash') stdout.write(BASH_WORDS);
    });
  const suggest = (complete: (value: string, description: string) => void): void => {
    for (const name of names) complete(name, '');
  };
  for (const path of DEVICE_ARGUMENTS) {
    for (const argument of root.commands.get(path)?.arguments.values() ?? []) argument.handler = suggest;
  }
  for (const path of DEVICE_FLAGS) {
    const option = root.commands.get(path)?.options.get('device');
    if (option) option.handler = suggest;
  }
}

/** Names of devices, or none when the server does not answer at once: completion never complains. */
export async function deviceNames(io: CliIo): Promise<string[]> {
  try {
    const settings = connectionSettings({}, io.env, readConfigFile(configPath(io.env)));
    const deps = { clock: io.clock, random: io.random, deadlineMs: NAMES_DEADLINE_MS };
    const api = connectApi(settings, deps);
    try {
      const request = ListDevicesRequest.fromPartial({ pageSize: PAGE_SIZE });
      const { devices } = await api.unary(DeviceServiceService.listDevices, request);
      return devices.map(({ name }) => name);
    } finally {
      api.close();
    }
  } catch {
    return [];
  }
}
