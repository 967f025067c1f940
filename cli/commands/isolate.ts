import type { Command } from 'commander';
import {
  IsolateDevicesRequest,
  IsolateDevicesResponse,
  IsolationServiceService,
  ReleaseDevicesRequest,
  type DeviceOrder,
} from '../../shared/gen/cordon/v1/isolation_service.js';
import { newId } from '../../shared/ids.js';
import { formatDuration, toDuration } from '../../shared/time.js';
import { addReason, addWait, parseReleaseDelay, type WaitFlags } from '../arguments.js';
import { watchDevices } from '../feed.js';
import { withSession, type RunState, type Session } from '../session/session.js';
import { awaitOrders } from '../wait/await-orders.js';
import { progressText, waitError, type Goal, type Wait } from '../wait/progress.js';
import { createWaitView } from '../wait/view.js';
import { toProtoJson } from '../view/json.js';
import { cell } from '../view/table.js';

interface OrderFlags extends WaitFlags {
  readonly reason: string;
  /** Milliseconds. */
  readonly for?: number;
}

/** `cordon isolate` and `cordon release`. */
export function addIsolateCommands(program: Command, state: RunState): void {
  addWait(
    addReason(
      program
        .command('isolate')
        .description('isolate devices from the network')
        .argument('<device...>', 'names or ids'),
    ).option(
      '--for <duration>',
      'release by itself after this time; 0 = never (default: as the device is set, 8h)',
      parseReleaseDelay,
    ),
    'every device reports that it is isolated; a simulated one counts as failed',
  ).action((devices: string[], flags: OrderFlags, command: Command) =>
    withSession(state, command, (session) => {
      const request = IsolateDevicesRequest.fromPartial({
        devices,
        reason: flags.reason,
        releaseDelay: flags.for === undefined ? undefined : toDuration(flags.for),
        requestId: newId(),
      });
      const send = async (): Promise<DeviceOrder[]> =>
        (await session.api.unary(IsolationServiceService.isolateDevices, request)).orders;
      return order(session, 'isolate', devices, flags, send);
    }),
  );

  addWait(
    addReason(
      program
        .command('release')
        .description('end whichever isolation is active')
        .argument('<device...>', 'names or ids'),
    ),
    'every device reports that it is released',
  ).action((devices: string[], flags: OrderFlags, command: Command) =>
    withSession(state, command, (session) => {
      const request = ReleaseDevicesRequest.fromPartial({
        devices,
        reason: flags.reason,
        requestId: newId(),
      });
      const send = async (): Promise<DeviceOrder[]> =>
        (await session.api.unary(IsolationServiceService.releaseDevices, request)).orders;
      return order(session, 'release', devices, flags, send);
    }),
  );
}

async function order(
  session: Session,
  goal: Goal,
  devices: readonly string[],
  flags: OrderFlags,
  send: () => Promise<DeviceOrder[]>,
): Promise<void> {
  if (!flags.wait) return printOrders(session, goal, await send());
  const { io, api } = session;
  const wait = await awaitOrders(goal, send, {
    feed: watchDevices(devices, { api, clock: io.clock, random: io.random }),
    clock: io.clock,
    view: createWaitView(io.stderr, () => io.clock.wall()),
    timeoutMs: flags.timeout,
    onInterrupt: (stop) => io.onInterrupt(stop),
  });
  printResults(session, wait);
  const error = waitError(wait, formatDuration(flags.timeout));
  if (error) throw error;
}

function printOrders({ printer }: Session, goal: Goal, orders: DeviceOrder[]): void {
  printer.print(
    () => ({
      kind: 'table',
      headings: ['DEVICE', 'ORDER', 'GENERATION', 'ID'],
      rows: orders.map((one) => [
        cell(one.deviceName),
        cell(`${goal} ordered`, 'waiting'),
        cell(String(one.generation)),
        cell(one.directiveId, 'faint'),
      ]),
      empty: 'no devices',
    }),
    () => toProtoJson('IsolateDevicesResponse', IsolateDevicesResponse, { orders }),
  );
}

/** Programs get the orders and how far each device came; people have seen the progress already. */
function printResults({ printer, io }: Session, wait: Wait): void {
  if (printer.format === 'table') return;
  const results = wait.orders.map(({ deviceId, deviceName, generation, directiveId }) => {
    const progress = wait.progress.get(deviceId) ?? { kind: 'unknown' };
    const outcome = progress.kind === 'done' || progress.kind === 'failed' ? progress.kind : 'pending';
    const detail = progressText(progress, io.clock.wall());
    return { deviceId, deviceName, generation: String(generation), directiveId, outcome, detail };
  });
  printer.print(
    () => ({ kind: 'text', text: '' }),
    () => ({ results }),
  );
}
