import { sql } from 'kysely';
import { IsolationAction, IsolationDirective, IsolationState } from '../../shared/gen/cordon/v1/isolation.js';
import { newId } from '../../shared/ids.js';
import { toDuration, toTimestamp } from '../../shared/time.js';
import { appendAudits } from '../store/audit.js';
import { inChunks } from '../store/chunks.js';
import type { Tx } from '../store/store.js';
import { noteRelease, openIsolations, withOpenIsolation } from './ordered-isolations.js';
import type { Order, OrderedDevice, StoredOrder } from './order.js';

/** An order with what is written for it. */
interface NewOrder extends StoredOrder {
  readonly directive: IsolationDirective;
}

/**
 * Writes the order of an operator into the desired state of each device: directive, generation, isolation record and
 * audit record, all in the caller's transaction. The release of a device that is released leaves an audit record alone.
 * @returns one order a device, in the order of `devices`
 */
export async function giveOrder(
  tx: Tx,
  devices: readonly OrderedDevice[],
  order: Order,
): Promise<StoredOrder[]> {
  const done =
    order.action === 'release' ? await alreadyReleased(tx, devices) : new Map<string, StoredOrder>();
  const given = devices.flatMap((device): NewOrder[] => {
    if (done.has(device.id)) return [];
    const directive = makeDirective(order);
    return [{ device, generation: Number(device.generation) + 1, directiveId: directive.id, directive }];
  });
  await setDirectives(tx, given);
  if (order.action === 'isolate') await openIsolations(tx, given, order);
  else await noteRelease(tx, given, order);

  const byDevice = new Map<string, StoredOrder>(given.map((stored) => [stored.device.id, stored]));
  const orders = devices.flatMap(({ id }) => done.get(id) ?? byDevice.get(id) ?? []);
  await appendAudits(
    tx,
    orders.map(({ device, generation, directiveId }) => ({
      occurredAt: order.now,
      actor: order.requestedBy,
      action: `isolation.${order.action}`,
      deviceId: device.id,
      reason: order.reason,
      requestId: order.requestId,
      details: {
        device_name: device.name,
        generation,
        directive_id: directiveId,
        ...(order.releaseDelayMs === undefined ? {} : { release_delay_ms: order.releaseDelayMs }),
        ...(done.has(device.id) ? { already_released: true } : {}),
      },
    })),
  );
  return orders;
}

/** Replaces the directive of one device. The generation must be one more than the device's. */
export async function setDirective(
  tx: Tx,
  deviceId: string,
  generation: number,
  directive: IsolationDirective,
): Promise<void> {
  await tx
    .updateTable('devices')
    .set((row) => ({
      generation,
      directive_proto: IsolationDirective.encode(directive).finish(),
      rejection: '',
      version: row('version', '+', 1),
    }))
    .where('id', '=', deviceId)
    .execute();
}

/** The same for many devices, with one statement for a thousand. */
async function setDirectives(tx: Tx, orders: readonly NewOrder[]): Promise<void> {
  for (const chunk of inChunks(orders)) {
    const rows = chunk.map(
      ({ device, generation, directive }) =>
        sql`(${device.id}, ${generation}, ${IsolationDirective.encode(directive).finish()})`,
    );
    // The first row matches no device: it tells a database that has types which ones the parameters are of.
    const typed = sql`((select id from devices where 1 = 0), (select generation from devices where 1 = 0),
      (select directive_proto from devices where 1 = 0))`;
    await sql`
      update devices
      set generation = given.column2, directive_proto = given.column3, rejection = '', version = version + 1
      from (values ${sql.join([typed, ...rows])}) as given
      where devices.id = given.column1`.execute(tx);
  }
}

function makeDirective(order: Order): IsolationDirective {
  return {
    id: newId(),
    action:
      order.action === 'isolate'
        ? IsolationAction.ISOLATION_ACTION_ISOLATE
        : IsolationAction.ISOLATION_ACTION_RELEASE,
    reason: order.reason,
    requestedBy: order.requestedBy,
    issuedAt: toTimestamp(order.now),
    releaseDelay: order.releaseDelayMs === undefined ? undefined : toDuration(order.releaseDelayMs),
  };
}

/**
 * The devices that have nothing to be released from: what is wanted, what was reported of the newest generation and the
 * history all say so. An order for them would only wait for those that are offline, and there end an isolation that a
 * detection starts later.
 */
async function alreadyReleased(
  tx: Tx,
  devices: readonly OrderedDevice[],
): Promise<ReadonlyMap<string, StoredOrder>> {
  const open = await withOpenIsolation(
    tx,
    devices.map(({ id }) => id),
  );
  const released = new Map<string, StoredOrder>();
  for (const device of devices) {
    const reported =
      (device.observed_state as IsolationState) === IsolationState.ISOLATION_STATE_RELEASED &&
      Number(device.observed_generation) >= Number(device.generation);
    if (!reported || open.has(device.id)) continue;
    const directive = device.directive_proto && IsolationDirective.decode(device.directive_proto);
    if (directive?.action === IsolationAction.ISOLATION_ACTION_ISOLATE) continue;
    released.set(device.id, {
      device,
      generation: Number(device.generation),
      directiveId: directive?.id ?? '',
    });
  }
  return released;
}
