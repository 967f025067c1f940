import type { Command } from 'commander';
import { lastValueFrom } from 'rxjs';
import { takeUntil, tap } from 'rxjs/operators';
import { Observable } from 'rxjs';
import { printable } from '../../shared/command-line/printable.js';
import {
  BanDeviceRequest,
  DeviceServiceService,
  GetDeviceRequest,
  GetDeviceResponse,
  ListDevicesRequest,
  ListDevicesResponse,
  RemoveDeviceRequest,
  UnbanDeviceRequest,
  WatchDevicesResponse,
} from '../../shared/gen/cordon/v1/device_service.js';
import { Device, type DeviceFilter } from '../../shared/gen/cordon/v1/device.js';
import type { Isolation } from '../../shared/gen/cordon/v1/isolation.js';
import {
  IsolationServiceService,
  ListIsolationsRequest,
} from '../../shared/gen/cordon/v1/isolation_service.js';
import { newId } from '../../shared/ids.js';
import { toProtoJson } from '../../shared/proto-json.js';
import { formatDuration } from '../../shared/time.js';
import { addReason } from '../arguments.js';
import type { Api } from '../client.js';
import { watchDevices, type WatchEvent } from '../feed.js';
import { addFilter, filterOf, type FilterFlags } from '../filter.js';
import { readPages } from '../pages.js';
import { withSession, type RunState, type Session } from '../session/session.js';
import { deviceFields } from '../view/device-fields.js';
import { DEVICE_HEADINGS, deviceRow } from '../view/device-rows.js';
import { addDeviceChangeCommands } from './devices-change.js';

/** `cordon devices ...` */
export function addDevicesCommands(program: Command, state: RunState): void {
  const devices = program
    .command('devices')
    .description('look at devices; move, tag, rename, ban and remove them');

  addFilter(devices.command('list').description('list devices with what they report')).action(
    (flags: FilterFlags, command: Command) =>
      withSession(state, command, (session) => listDevices(session, filterOf(flags))),
  );

  devices
    .command('show')
    .description('show everything about one device')
    .argument('<device>', 'name or id')
    .action((device: string, _: unknown, command: Command) =>
      withSession(state, command, (session) => showDevice(session, device)),
    );

  devices
    .command('watch')
    .description('show devices as they change, until interrupted')
    .argument('[device...]', 'names or ids; all devices when none is given')
    .action((names: string[], _: unknown, command: Command) =>
      withSession(state, command, (session) => followDevices(session, names)),
    );

  addReason(
    devices
      .command('ban')
      .description('end the stream of a device and refuse its certificate from now on')
      .argument('<device>', 'name or id'),
  ).action((device: string, { reason }: { reason: string }, command: Command) =>
    withSession(state, command, async ({ api, printer }) => {
      const request = BanDeviceRequest.fromPartial({ device, reason, requestId: newId() });
      const response = await api.unary(DeviceServiceService.banDevice, request);
      printer.print(
        () => ({ kind: 'text', text: `banned ${printable(response.device?.name ?? device)}\n` }),
        () => toProtoJson('GetDeviceResponse', GetDeviceResponse, response),
      );
    }),
  );

  addReason(
    devices
      .command('unban')
      .description('let a banned device connect again')
      .argument('<device>', 'name or id'),
  ).action((device: string, { reason }: { reason: string }, command: Command) =>
    withSession(state, command, async ({ api, printer }) => {
      const request = UnbanDeviceRequest.fromPartial({ device, reason, requestId: newId() });
      const response = await api.unary(DeviceServiceService.unbanDevice, request);
      printer.print(
        () => ({ kind: 'text', text: `unbanned ${printable(response.device?.name ?? device)}\n` }),
        () => toProtoJson('GetDeviceResponse', GetDeviceResponse, response),
      );
    }),
  );

  addReason(
    devices
      .command('remove')
      .description('forget a device; its agent keeps what it enforces')
      .argument('<device>', 'name or id')
      .option('--force', 'also while it is isolated or about to be'),
  ).action((device: string, { reason, force }: { reason: string; force?: boolean }, command: Command) =>
    withSession(state, command, async ({ api, printer }) => {
      const request = RemoveDeviceRequest.fromPartial({
        device,
        reason,
        force: force ?? false,
        requestId: newId(),
      });
      await api.unary(DeviceServiceService.removeDevice, request);
      printer.print(
        () => ({ kind: 'text', text: `removed ${printable(device)}\n` }),
        () => ({}),
      );
    }),
  );

  addDeviceChangeCommands(devices, state);
}

/** Every device that a filter lets through, in the order of the names. */
function readDevices(api: Api, filter: DeviceFilter | undefined): Promise<Device[]> {
  return readPages(async (pageToken, pageSize) => {
    const request = ListDevicesRequest.fromPartial({ pageToken, pageSize, filter });
    const { devices, nextPageToken } = await api.unary(DeviceServiceService.listDevices, request);
    return { items: devices, nextPageToken };
  });
}

async function listDevices({ api, printer, io }: Session, filter: DeviceFilter | undefined): Promise<void> {
  const devices = await readDevices(api, filter);
  printer.print(
    () => ({
      kind: 'table',
      headings: DEVICE_HEADINGS,
      rows: devices.map((device) => deviceRow(device, io.clock.wall())),
      empty: filter
        ? 'no device fits'
        : 'no devices yet; "cordon enroll-token create" makes a token for the first one',
    }),
    () => toProtoJson('ListDevicesResponse', ListDevicesResponse, { devices, nextPageToken: '' }),
  );
}

async function showDevice({ api, printer, io }: Session, name: string): Promise<void> {
  const request = GetDeviceRequest.fromPartial({ device: name });
  const { device = Device.fromPartial({}) } = await api.unary(DeviceServiceService.getDevice, request);
  const latest = printer.format === 'table' ? await latestIsolation(api, device.id) : undefined;
  printer.print(
    () => ({ kind: 'fields', fields: deviceFields(device, latest, io.clock.wall()) }),
    () => toProtoJson('Device', Device, device),
  );
}

async function latestIsolation(api: Api, device: string): Promise<Isolation | undefined> {
  const request = ListIsolationsRequest.fromPartial({ device, pageSize: 1 });
  const { isolations } = await api.unary(IsolationServiceService.listIsolations, request);
  return isolations[0];
}

async function followDevices({ api, printer, io }: Session, names: readonly string[]): Promise<void> {
  const feed = watchDevices(names, {
    api,
    clock: io.clock,
    random: io.random,
    onLoss: (delayMs) =>
      io.stderr.write(`cordon: connection lost; trying again in ${formatDuration(delayMs)}\n`),
  });
  const nameOf = new Map<string, string>();
  const show = (event: WatchEvent): void =>
    printer.printEvent(
      () => eventText(event, nameOf, io.clock.wall()),
      () => toProtoJson('WatchDevicesResponse', WatchDevicesResponse, { event }),
    );
  const interrupted = new Observable<void>((subscriber) => io.onInterrupt(() => subscriber.next()));
  await lastValueFrom(feed.pipe(tap(show), takeUntil(interrupted)), { defaultValue: undefined });
}

function eventText(event: WatchEvent, nameOf: Map<string, string>, now: number): string {
  const at = new Date(now).toISOString().slice(11, 19);
  switch (event.$case) {
    case 'device': {
      nameOf.set(event.value.id, event.value.name);
      const [name, state, verified, remaining, connection] = deviceRow(event.value, now);
      const verdict = verified?.text === '-' ? '' : `  verified: ${verified?.text}`;
      const left = remaining?.text === '-' ? '' : `  remaining: ${remaining?.text}`;
      return printable(`${at}  ${name?.text}  ${state?.text}${verdict}${left}  ${connection?.text}`);
    }
    case 'removedDeviceId':
      return printable(`${at}  ${nameOf.get(event.value) ?? event.value}  removed`);
    case 'bookmark':
      return `${at}  -- ${nameOf.size} devices; changes follow --`;
  }
}
