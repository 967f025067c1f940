import { CommandState, type Command } from '../../shared/gen/cordon/v1/command.js';
import { CommandServiceService, ListCommandsRequest } from '../../shared/gen/cordon/v1/command_service.js';
import { fromTimestamp } from '../../shared/time.js';
import type { Api } from '../client.js';
import { isFinal } from '../command-state.js';
import { readDeviceNames } from '../device-names.js';
import { readPages } from '../pages.js';

/** How one device stands with a scan. */
export interface DeviceRuns {
  readonly deviceId: string;
  /** Name, or the id of a device that was removed. */
  readonly deviceName: string;
  /** The newest run whose time has come. Undefined: there was none in the last 7 days. */
  readonly current: Command | undefined;
  /** A run whose time has not come. */
  readonly planned: Command | undefined;
}

/** The newest commands of a scan that are looked at: a large fleet with a run every hour has very many. */
const MOST_COMMANDS = 50_000;

/** Commands of a scan, newest first. @param task id or name */
export function readRuns(api: Api, task: string, limit = MOST_COMMANDS): Promise<Command[]> {
  return readPages(async (pageToken, pageSize) => {
    const request = ListCommandsRequest.fromPartial({ task, pageToken, pageSize });
    const page = await api.unary(CommandServiceService.listCommands, request);
    return { items: page.commands, nextPageToken: page.nextPageToken };
  }, limit);
}

/** How each device stands with a scan, by name. @param now milliseconds since 1970 */
export async function readNewestRuns(api: Api, task: string, now: number): Promise<DeviceRuns[]> {
  const runs = newestRuns(await readRuns(api, task), now);
  const names = await readDeviceNames(api, runs.keys());
  return [...runs]
    .map(([deviceId, run]) => ({ deviceId, deviceName: names.get(deviceId) ?? deviceId, ...run }))
    .sort((left, right) => left.deviceName.localeCompare(right.deviceName));
}

/** By device id. @param commands newest first */
export function newestRuns(
  commands: readonly Command[],
  now: number,
): Map<string, Pick<DeviceRuns, 'current' | 'planned'>> {
  const runs = new Map<string, Pick<DeviceRuns, 'current' | 'planned'>>();
  for (const command of commands) {
    const run = runs.get(command.deviceId) ?? { current: undefined, planned: undefined };
    // A run that goes on counts more than a newer one that is over: that one was refused because of it.
    const current =
      run.current === undefined || (isFinal(run.current.state) && !isFinal(command.state))
        ? command
        : run.current;
    runs.set(command.deviceId, isPlanned(command, now) ? { ...run, planned: command } : { ...run, current });
  }
  return runs;
}

/** Whether the time of a run has not come yet. */
export function isPlanned({ state, notBefore }: Command, now: number): boolean {
  const waits = state === CommandState.COMMAND_STATE_PENDING || state === CommandState.COMMAND_STATE_ACCEPTED;
  return waits && notBefore !== undefined && fromTimestamp(notBefore) > now;
}
