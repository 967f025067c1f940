import tab from '@bomb.sh/tab/commander';
import type { Command } from 'commander';
import { DeviceServiceService, ListDevicesRequest } from '../shared/gen/cordon/v1/device_service.js';
import { connectApi } from './client.js';
import type { CliIo } from './io.js';
import { PAGE_SIZE } from './pages.js';
import { configPath, readConfigFile } from './session/config-file.js';
import { connectionSettings } from './session/settings.js';

/** A person presses Tab and waits: after this time, milliseconds, there are simply no names. */
const NAMES_DEADLINE_MS = 1000;

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
export function addCompletion(program: Command, names: readonly string[]): void {
  const root = tab(program, { completionCommandName: 'completion' });
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
