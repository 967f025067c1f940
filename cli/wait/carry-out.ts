import { IsolateDevicesResponse, type DeviceOrder } from '../../shared/gen/cordon/v1/isolation_service.js';
import { toProtoJson } from '../../shared/proto-json.js';
import { formatDuration } from '../../shared/time.js';
import type { WaitFlags } from '../arguments.js';
import { watchDevices } from '../feed.js';
import type { Session } from '../session/session.js';
import { cell } from '../view/table.js';
import { awaitOrders } from './await-orders.js';
import { progressText, waitError, type Goal, type Wait } from './progress.js';
import { createWaitView } from './view.js';

/**
 * Sends an order and prints it; with --wait shows how the devices come along, and how each ended.
 * @param devices ids or names, where they are known before the order is sent
 * @throws CliError when a device failed or did not report in time
 */
export async function carryOut(
  session: Session,
  goal: Goal,
  send: () => Promise<DeviceOrder[]>,
  devices: readonly string[] | undefined,
  flags: WaitFlags,
): Promise<void> {
  const { io, api } = session;
  if (!flags.wait) return printOrders(session, goal, await send());
  const feedDeps = { api, clock: io.clock, random: io.random };
  const waitDeps = {
    clock: io.clock,
    view: createWaitView(io.stderr, () => io.clock.wall()),
    timeoutMs: flags.timeout,
    onInterrupt: (stop: () => void) => io.onInterrupt(stop),
  };
  let wait: Wait;
  if (devices) {
    wait = await awaitOrders(goal, send, { feed: watchDevices(devices, feedDeps), ...waitDeps });
  } else {
    // Which devices to watch is known only now. Nothing is missed: a watch begins with every device as it is.
    const orders = await send();
    const feed = watchDevices(
      orders.map(({ deviceId }) => deviceId),
      feedDeps,
    );
    wait = await awaitOrders(goal, () => Promise.resolve(orders), { feed, ...waitDeps });
  }
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
