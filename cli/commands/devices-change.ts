import { InvalidArgumentError, type Command } from 'commander';
import { printable } from '../../shared/command-line/printable.js';
import { Device } from '../../shared/gen/cordon/v1/device.js';
import {
  DeviceServiceService,
  GetDeviceRequest,
  ListDevicesResponse,
  UpdateDeviceRequest,
} from '../../shared/gen/cordon/v1/device_service.js';
import { GroupServiceService, MoveDeviceRequest } from '../../shared/gen/cordon/v1/group_service.js';
import { newId } from '../../shared/ids.js';
import { toProtoJson } from '../../shared/proto-json.js';
import type { Api } from '../client.js';
import { CliError, ExitCode } from '../exit.js';
import { parseTag } from '../filter.js';
import { withoutOverwriting } from '../overtaken.js';
import { withSession, type RunState, type Session } from '../session/session.js';

interface TagFlags {
  readonly add?: string[];
  readonly remove?: string[];
}

/** `cordon devices move`, `tag` and `rename`. */
export function addDeviceChangeCommands(devices: Command, state: RunState): void {
  devices
    .command('move')
    .description('put devices into a group; they follow its policies and tasks at once')
    .argument('<device...>', 'names or ids')
    .requiredOption('--to <group>', 'path, id or root')
    .action((names: string[], { to }: { to: string }, command: Command) =>
      withSession(state, command, (session) =>
        changeEach(
          session,
          names,
          async (device) => {
            const request = MoveDeviceRequest.fromPartial({ device, groupId: to, requestId: newId() });
            return (await session.api.unary(GroupServiceService.moveDevice, request)).device;
          },
          (device) => `moved ${device.name} to ${device.groupPath || 'root'}`,
        ),
      ),
    );

  devices
    .command('tag')
    .description('change the tags of devices')
    .argument('<device...>', 'names or ids')
    .option('--add <tag>', 'a word or key=value; may be repeated', collect)
    .option('--remove <tag>', 'may be repeated', collect)
    .action((names: string[], flags: TagFlags, command: Command) =>
      withSession(state, command, (session) => {
        if (!flags.add && !flags.remove) {
          throw new CliError(
            ExitCode.USAGE,
            '--add and --remove are missing',
            'give at least one of them, for example --add critical',
          );
        }
        return changeEach(
          session,
          names,
          (device) => tagDevice(session.api, device, flags),
          (device) => `tags of ${device.name}: ${device.tags.join(', ') || 'none'}`,
        );
      }),
    );

  devices
    .command('rename')
    .description('give a device another name')
    .argument('<device>', 'name or id')
    .argument('<name>', 'new name', parseName)
    .action((device: string, name: string, _: unknown, command: Command) =>
      withSession(state, command, (session) =>
        changeEach(
          session,
          [device],
          async (id) => {
            const request = UpdateDeviceRequest.fromPartial({
              device: { id, name },
              updateMask: ['name'],
              requestId: newId(),
            });
            return (await session.api.unary(DeviceServiceService.updateDevice, request)).device;
          },
          (after) => `renamed ${device} to ${after.name}`,
        ),
      ),
    );
}

function collect(tag: string, before: string[] = []): string[] {
  return [...before, parseTag(tag)];
}

function parseName(name: string): string {
  if (name.trim() === '') throw new InvalidArgumentError('A name has at least one character.');
  return name;
}

/** One device after the other; each one that is done is told at once, so that an error says where it stopped. */
async function changeEach(
  { printer, io }: Session,
  names: readonly string[],
  change: (name: string) => Promise<Device | undefined>,
  done: (device: Device) => string,
): Promise<void> {
  const devices: Device[] = [];
  for (const name of names) {
    const device = (await change(name)) ?? Device.fromPartial({ id: name, name });
    devices.push(device);
    if (printer.format === 'table') io.stdout.write(`${printable(done(device))}\n`);
  }
  if (printer.format === 'table') return;
  printer.print(
    () => ({ kind: 'text', text: '' }),
    () => toProtoJson('ListDevicesResponse', ListDevicesResponse, { devices, nextPageToken: '' }),
  );
}

/** Somebody who changes the tags at the same time is not overwritten. */
function tagDevice(api: Api, name: string, { add = [], remove = [] }: TagFlags): Promise<Device | undefined> {
  return withoutOverwriting(async () => {
    const read = await api.unary(
      DeviceServiceService.getDevice,
      GetDeviceRequest.fromPartial({ device: name }),
    );
    const { id = name, tags = [], etag = '' } = read.device ?? {};
    const after = [...new Set([...tags.filter((tag) => !remove.includes(tag)), ...add])];
    const request = UpdateDeviceRequest.fromPartial({
      device: { id, tags: after, etag },
      updateMask: ['tags'],
      requestId: newId(),
    });
    return (await api.unary(DeviceServiceService.updateDevice, request)).device;
  });
}
